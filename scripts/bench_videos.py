"""What the benchmarks of videos share: a made-up camera, chunks of it, and clips."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import av
import numpy as np

from llavaction.utils.seeding import rng_for
from llavaction.video.chunking import ChunkingConfig
from llavaction.video.decoding import decode_pictures
from llavaction.video.layout import VideoConfig
from llavaction.video.retiming import constant_rate
from llavaction.video.scaling import Scaler

CONFIG = ChunkingConfig()
FRAMES_PER_CHUNK = CONFIG.chunk_s * CONFIG.fps
CLIP_S = 2.0
VIDEO_ID = "P01_01"

Clip = tuple[float, float]


def machine(*packages: str) -> dict[str, object]:
    """What figures depend on: cores, Python, and the versions of packages, None where one is not installed."""
    return {"cpus": os.cpu_count(), "python": platform.python_version(), **{name: _version(name) for name in packages}}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def scaled(path: Path) -> Iterator[av.VideoFrame]:
    """Frames of a video as chunk_videos.py makes them."""
    scaler = Scaler(CONFIG.short_side)
    for picture in constant_rate(decode_pictures(path, CONFIG.max_gap_s), CONFIG.fps):
        yield scaler.scale(picture.frame)


def head_camera(width: int = 568, height: int = 320, falloff: float = 1.0) -> Iterator[av.VideoFrame]:
    """What a camera on a head might see: textures of all scales, moved, turned and approached, and noise.

    Args:
        width, height: of the frames in pixels, even.
        falloff: how quickly textures lose detail. At 1, as in the sharpest photographs, a keyframe of crf 19 takes 2.2
            to 2.4 bits per pixel; at 1.5 it takes 0.8, as in videos (0.7 in a real one of a kitchen).
    """
    rng = rng_for(0, "head camera")
    luma, blue, red = texture(rng, 1024, 48, falloff), texture(rng, 512, 14, falloff), texture(rng, 512, 14, falloff)
    noise = rng.normal(0, 2, (8, height, width)).astype(np.float32)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    rows, columns = rows - height / 2, columns - width / 2
    phases = rng.uniform(0, 2 * np.pi, 9)
    number = 0
    while True:
        swing = np.sin(
            number / CONFIG.fps * 2 * np.pi / np.array([7.3, 3.1, 1.3, 5.9, 2.3, 0.9, 8.1, 2.9, 6.0]) + phases
        )
        left, up = swing[:3] @ [73, 31, 13] + 512, swing[3:6] @ [30, 12, 5] + 512
        angle, zoom = swing[6:8] @ [0.12, 0.04], 1 + 0.08 * swing[8]
        cosine, sine = np.float32(np.cos(angle) * zoom), np.float32(np.sin(angle) * zoom)
        x, y = columns * cosine - rows * sine + np.float32(left), columns * sine + rows * cosine + np.float32(up)
        planes = [
            sample(luma, x, y) + np.roll(noise[number % len(noise)], number * 37, axis=1),
            *(sample(plane, x[::2, ::2] / 2, y[::2, ::2] / 2) for plane in (blue, red)),
        ]
        pixels = np.concatenate([plane.clip(16, 235).astype(np.uint8).reshape(-1) for plane in planes])
        yield av.VideoFrame.from_ndarray(pixels.reshape(-1, width), format="yuv420p")
        number += 1


def texture(rng: np.random.Generator, size: int, contrast: float, falloff: float) -> np.ndarray:
    """A square that can be tiled and whose detail falls off as in photographs (amplitude 1 / frequency^falloff)."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    frequency[0, 0] = 1
    plane = np.fft.ifft2(np.fft.fft2(rng.standard_normal((size, size))) / frequency**falloff).real
    return (126 + contrast * (plane - plane.mean()) / plane.std()).astype(np.float32)


def sample(plane: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values of a tiled square between its pixels (bilinear)."""
    size, values = len(plane), plane.reshape(-1)
    left, top = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    across, down = x - left, y - top
    columns, rows = (left % size, (left + 1) % size), (top % size * size, (top + 1) % size * size)
    upper, lower = (values[row + columns[0]] * (1 - across) + values[row + columns[1]] * across for row in rows)
    result: np.ndarray = upper * (1 - down) + lower * down
    return result


def write_like_libx264(
    path: Path, frames: Iterable[av.VideoFrame], keyframe_interval: int | None = None, **options: str
) -> None:
    """Encode with nothing set but libx264's `options` and perhaps the keyframe interval."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=CONFIG.fps)
        stream.options = {**options, "threads": "1"}
        stream.pix_fmt = "yuv420p"
        if keyframe_interval:
            stream.gop_size = keyframe_interval
        for number, frame in enumerate(frames):
            if number == 0:
                stream.width, stream.height = frame.width, frame.height
            frame.pts, frame.time_base = number, Fraction(1, CONFIG.fps)
            frame.pict_type = av.video.frame.PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def chunk_path(config: VideoConfig, chunk_idx: int) -> Path:
    """Where a chunk of the video is written."""
    return Path(config.folder) / "P01" / f"{VIDEO_ID}.MP4" / f"{chunk_idx * CONFIG.chunk_s}.MP4"


def draw_clips(duration_s: float, number: int) -> list[Clip]:
    """Random clips, the same in every run."""
    starts = rng_for(0, "clips").uniform(0, duration_s - CLIP_S, number)
    return [(float(start_s), float(start_s) + CLIP_S) for start_s in starts]
