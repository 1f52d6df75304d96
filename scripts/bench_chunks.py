"""How much faster clips load from chunks with many keyframes, and how much larger the chunks are.

    python scripts/bench_chunks.py                      a made-up head camera, one to two minutes
    python scripts/bench_chunks.py --video FILE         the first 30 seconds of a video of your own

Writes the same frames into 15-second chunks three times, with the same quality setting (crf) and preset: as libx264
does by itself (a keyframe every 250 frames, more at cuts), the same with a keyframe every 15 frames, and as
data_prep/chunk_videos.py does, which also leaves out what is slow to decode. Then loads the same random 2-second
clips, 16 frames each, from all of them in turn, opening the files for every clip, as a shuffled training run does:
with this project's ClipLoader, and with a plain loop over PyAV (seek, decode every frame, keep those wanted). Files
are in the page cache. Prints a table, and last a line of JSON; load_ratio is chunks over libx264's defaults.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import groupby, islice
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from llavaction.utils.seeding import rng_for
from llavaction.video.chunking import ChunkingConfig, write_chunk
from llavaction.video.clip import ClipLoader
from llavaction.video.decoding import decode_pictures
from llavaction.video.layout import VideoConfig, find_video
from llavaction.video.retiming import constant_rate
from llavaction.video.sampling import middle_frames
from llavaction.video.scaling import Scaler

CONFIG = ChunkingConfig()
CLIP_S, NUM_FRAMES = 2.0, 16
VIDEO_ID = "P01_01"
WIDTH, HEIGHT = 568, 320

WriteChunk = Callable[[Path, Iterable[av.VideoFrame]], object]
Clip = tuple[float, float]


@dataclass
class Variant:
    """One way of writing chunks, and what was measured of it."""

    name: str
    write: WriteChunk
    config: VideoConfig
    loader_s: list[float] = field(default_factory=list)
    plain_s: list[float] = field(default_factory=list)

    @property
    def num_bytes(self) -> int:
        return sum(path.stat().st_size for path in Path(self.config.folder).rglob("*.MP4") if path.is_file())


def main() -> None:
    """Write, load, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, help="any video; a made-up one by default")
    parser.add_argument("--seconds", type=int, default=30, help="how much of it (%(default)s)")
    parser.add_argument("--clips", type=int, default=14, help="clips per pass (%(default)s)")
    parser.add_argument("--passes", type=int, default=3, help="passes, of which the median counts (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        variants = [
            Variant(name, write, VideoConfig(f"{temporary}/{number}"))
            for number, (name, write) in enumerate(
                {
                    "libx264's defaults": write_like_libx264,
                    "a keyframe every 15 frames": partial(write_like_libx264, keyframe_interval=15),
                    "chunk_videos.py": partial(write_chunk, config=CONFIG),
                }.items()
            )
        ]
        frames = scaled(options.video) if options.video else head_camera()
        reference = write_variants(variants, islice(frames, options.seconds * CONFIG.fps))
        clips = draw_clips(len(reference) / CONFIG.fps, options.clips)
        for number in range(options.passes):
            measure(variants, clips, number)
        print_results(variants, reference, len(clips) * options.passes)


def scaled(path: Path) -> Iterator[av.VideoFrame]:
    """Frames of a video as chunk_videos.py makes them."""
    scaler = Scaler(CONFIG.short_side)
    for picture in constant_rate(decode_pictures(path, CONFIG.max_gap_s), CONFIG.fps):
        yield scaler.scale(picture.frame)


def head_camera() -> Iterator[av.VideoFrame]:
    """What a camera on a head might see: textures of all scales, moved, turned and approached, and noise."""
    rng = rng_for(0, "head camera")
    luma, blue, red = texture(rng, 1024, 48), texture(rng, 512, 14), texture(rng, 512, 14)
    noise = rng.normal(0, 2, (8, HEIGHT, WIDTH)).astype(np.float32)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    rows, columns = rows - HEIGHT / 2, columns - WIDTH / 2
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
        yield av.VideoFrame.from_ndarray(pixels.reshape(-1, WIDTH), format="yuv420p")
        number += 1


def texture(rng: np.random.Generator, size: int, contrast: float) -> np.ndarray:
    """A square that can be tiled and whose detail falls off as in photographs (amplitude 1 / frequency)."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    frequency[0, 0] = 1
    plane = np.fft.ifft2(np.fft.fft2(rng.standard_normal((size, size))) / frequency).real
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


def write_like_libx264(path: Path, frames: Iterable[av.VideoFrame], keyframe_interval: int | None = None) -> None:
    """Encode with nothing but quality, preset and perhaps the keyframe interval set."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=CONFIG.fps)
        stream.options = {"crf": str(CONFIG.crf), "preset": CONFIG.preset, "threads": "1"}
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


def write_variants(variants: list[Variant], frames: Iterable[av.VideoFrame]) -> list[np.ndarray]:
    """Write all chunks of all variants and return every tenth frame as RGB, None for the others."""
    frames_per_chunk = CONFIG.chunk_s * CONFIG.fps
    reference: list[np.ndarray] = []
    for chunk_idx, group in groupby(enumerate(frames), key=lambda item: item[0] // frames_per_chunk):
        chunk = [frame for _, frame in group]
        for variant in variants:
            home = Path(variant.config.folder) / "P01" / f"{VIDEO_ID}.MP4"
            variant.write(home / f"{chunk_idx * CONFIG.chunk_s}.MP4", chunk)
        reference += [
            frame.to_ndarray(format="rgb24") if number % 10 == 0 else None for number, frame in enumerate(chunk)
        ]
    return reference


def draw_clips(duration_s: float, number: int) -> list[Clip]:
    """Random clips, the same in every run."""
    starts = rng_for(0, "clips").uniform(0, duration_s - CLIP_S, number)
    return [(float(start_s), float(start_s) + CLIP_S) for start_s in starts]


def measure(variants: list[Variant], clips: list[Clip], number: int) -> None:
    """Load all clips once from each variant in turn, each time with another variant first."""
    loader_s, plain_s = dict.fromkeys(range(len(variants)), 0.0), dict.fromkeys(range(len(variants)), 0.0)
    for clip_number, clip in enumerate(clips):
        for turn in range(len(variants)):
            idx = (turn + clip_number + number) % len(variants)
            start = time.perf_counter()
            loader = ClipLoader(variants[idx].config)
            loaded = loader.load(VIDEO_ID, *clip, num_frames=NUM_FRAMES).frames
            loader.readers.close()
            loader_s[idx] += time.perf_counter() - start
            start = time.perf_counter()
            plain = load_plainly(variants[idx].config, clip)
            plain_s[idx] += time.perf_counter() - start
            assert np.array_equal(loaded, plain), "the two loaders disagree"
    for idx, variant in enumerate(variants):
        variant.loader_s.append(loader_s[idx] / len(clips))
        variant.plain_s.append(plain_s[idx] / len(clips))


def load_plainly(config: VideoConfig, clip: Clip) -> np.ndarray:
    """The same frames with nothing but PyAV, for files of a constant rate that begin at 0."""
    first, stop = (round(time_s * CONFIG.fps) for time_s in clip)
    wanted = middle_frames(first, stop, NUM_FRAMES)
    frames_per_chunk = CONFIG.chunk_s * CONFIG.fps
    images = []
    for chunk_idx, group in groupby(wanted, key=lambda frame_idx: frame_idx // frames_per_chunk):
        local = [frame_idx - chunk_idx * frames_per_chunk for frame_idx in group]
        with av.open(str(find_video(config, VIDEO_ID).path(chunk_idx))) as container:
            stream = container.streams.video[0]
            assert isinstance(stream, VideoStream) and stream.time_base is not None
            stream.codec_context.thread_count = 1
            units = 1 / (CONFIG.fps * stream.time_base)
            container.seek(int(local[0] * units), stream=stream)
            for frame in container.decode(stream):
                if frame.pts is not None and round(frame.pts / units) in local:
                    images.append(frame.to_ndarray(format="rgb24"))
                    if round(frame.pts / units) == local[-1]:
                        break
    return np.stack(images)


def psnr(variant: Variant, reference: list[np.ndarray]) -> float:
    """Peak signal-to-noise ratio of RGB frames against the source, in dB; above 40 nobody sees a difference."""
    loader = ClipLoader(variant.config)
    errors = []
    for frame_idx, image in enumerate(reference):
        if image is not None:
            start_s = frame_idx / CONFIG.fps
            loaded = loader.load(VIDEO_ID, start_s, start_s + 0.5 / CONFIG.fps, num_frames=1).frames[0]
            errors.append(float(np.square(loaded.astype(np.float32) - image).mean()))
    return float(10 * np.log10(255**2 / np.mean(errors)))


def print_results(variants: list[Variant], reference: list[np.ndarray], num_loads: int) -> None:
    """The table and the line of JSON."""
    default, chunks = variants[0], variants[-1]
    rates = {variant.name: 1 / statistics.median(variant.loader_s) for variant in variants}
    plain_rates = {variant.name: 1 / statistics.median(variant.plain_s) for variant in variants}
    qualities = {variant.name: psnr(variant, reference) for variant in variants}
    print(f"{num_loads} loads of {CLIP_S:g} s, {NUM_FRAMES} frames; crf {CONFIG.crf}, preset {CONFIG.preset}")
    print(f"{'chunks written as':28}{'clips/s':>9}{'plain':>9}{'KiB/s':>9}{'size':>8}{'PSNR':>9}")
    seconds = len(reference) / CONFIG.fps
    for variant in variants:
        size = f"{variant.num_bytes / default.num_bytes - 1:+.0%}" if variant is not default else ""
        print(
            f"{variant.name:28}{rates[variant.name]:9.1f}{plain_rates[variant.name]:9.1f}"
            f"{variant.num_bytes / 1024 / seconds:9.0f}{size:>8}{qualities[variant.name]:6.1f} dB"
        )
    ratio, size_ratio = rates[chunks.name] / rates[default.name], chunks.num_bytes / default.num_bytes
    print(f"chunks load {ratio:.1f} times as fast as with libx264's defaults, and are {size_ratio - 1:+.0%} in size")
    figures = {
        "load_ratio": round(ratio, 2),
        "size_ratio": round(size_ratio, 3),
        "short_gop_clips_per_s": round(rates[chunks.name], 2),
        "default_clips_per_s": round(rates[default.name], 2),
        "plain_ratio": round(plain_rates[chunks.name] / plain_rates[default.name], 2),
        "clips_per_s": {name: round(rate, 2) for name, rate in rates.items()},
        "plain_clips_per_s": {name: round(rate, 2) for name, rate in plain_rates.items()},
        "psnr_db": {name: round(quality, 2) for name, quality in qualities.items()},
        "loads": num_loads,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "av": av.__version__},
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
