"""Writing H.264 files with PyAV, so that no ffmpeg program is needed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

from llavaction.utils.errors import VideoError


def write_h264(
    path: Path,
    frames: Iterable[np.ndarray],
    fps: Fraction | int,
    *,
    keyframe_interval: int = 15,
    crf: int = 18,
) -> int:
    """Encode RGB frames as H.264 (yuv420p, no audio) and return how many were written.

    The file appears whole or not at all. A keyframe every 15 frames keeps seeking cheap: a decoder
    must start at a keyframe, and with libx264's default of 250 a 2-second clip costs 8 more seconds.

    Args:
        path: target, ending in a name that says its container (.mp4, .MP4, .mkv).
        frames: uint8 `[H, W, 3]`, all of one even size.
        fps: frames per second.
        keyframe_interval: largest distance between keyframes, in frames.
        crf: constant rate factor of libx264, 0 (lossless) to 51.

    Raises:
        VideoError: when there is no frame, or one has another shape, an odd size or another dtype.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    count = 0
    shape: tuple[int, ...] | None = None
    try:
        with av.open(str(temporary), "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(fps))
            stream.pix_fmt = "yuv420p"
            stream.gop_size = keyframe_interval
            # Without macroblock trees the same frames give the same bytes; with them they vary from run to run.
            stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1", "x264-params": "mbtree=0"}
            for image in frames:
                if shape is None:
                    shape = image.shape
                    _check_frame(path, count, image, shape)
                    stream.height, stream.width = image.shape[:2]
                _check_frame(path, count, image, shape)
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                container.mux(stream.encode(frame))
                count += 1
            if count == 0:
                raise VideoError(f"{path}: no frames to write")
            container.mux(stream.encode(None))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _check_frame(path: Path, number: int, image: np.ndarray, shape: tuple[int, ...]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise VideoError(f"{path}: frame {number} is {image.dtype} {image.shape}; expected uint8 [H, W, 3]")
    if image.shape != shape:
        raise VideoError(f"{path}: frame {number} is {image.shape}, the first frame was {shape}")
    if image.shape[0] % 2 or image.shape[1] % 2:
        raise VideoError(f"{path}: size {image.shape[:2]} is odd; H.264 with yuv420p needs even sizes")
