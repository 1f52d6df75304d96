"""Pictures that say their own number, in blocks that survive compression and scaling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np


def numbered_frame(number: int, height: int = 64, width: int = 64) -> np.ndarray:
    """A picture with 16 blocks, light where `number` has a 1: uint8 `[height, width, 3]`."""
    bits = np.array([number >> bit & 1 for bit in range(16)], dtype=np.uint8).reshape(4, 4)
    image = np.full((height, width, 3), 30, dtype=np.uint8)
    blocks = np.kron(bits, np.ones((height // 4, width // 4), dtype=np.uint8))
    image[: blocks.shape[0], : blocks.shape[1]] += 190 * blocks[..., None]
    return image


def read_number(image: np.ndarray) -> int:
    """The number in a picture made by `numbered_frame`."""
    height, width = image.shape[0] // 4, image.shape[1] // 4
    bits = image[height // 2 :: height, width // 2 :: width, 1][:4, :4] > 128
    return sum(1 << bit for bit, light in enumerate(bits.reshape(-1)) if light)


def encode_at(
    path: Path,
    times: Sequence[int] | Iterable[int],
    unit_s: Fraction,
    *,
    width: int = 64,
    height: int = 64,
    pix_fmt: str = "yuv420p",
    sound: bool = False,
) -> Path:
    """Write a numbered video whose pictures have the given times, in units of `unit_s`."""
    import av
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1 / unit_s)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = unit_s
        stream.options = {"threads": "1", "preset": "ultrafast"}
        voice = container.add_stream("aac", rate=8000) if sound else None
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, height, width), format="rgb24")
            frame.pts, frame.time_base = time, unit_s
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if voice is not None:
            assert isinstance(voice, AudioStream)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 8000
            container.mux([*voice.encode(silence), *voice.encode(None)])
    return path
