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
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice
from pathlib import Path

import av
import numpy as np
from bench_videos import (
    CLIP_S,
    CONFIG,
    FRAMES_PER_CHUNK,
    VIDEO_ID,
    Clip,
    chunk_path,
    draw_clips,
    head_camera,
    machine,
    scaled,
    write_like_libx264,
)
from plain_loaders import pyav_frames

from llavaction.video.chunking import write_chunk
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig

NUM_FRAMES = 16
QUALITY = {"crf": str(CONFIG.crf), "preset": CONFIG.preset}

WriteChunk = Callable[[Path, Iterable[av.VideoFrame]], object]


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
                    "libx264's defaults": partial(write_like_libx264, **QUALITY),
                    "a keyframe every 15 frames": partial(write_like_libx264, keyframe_interval=15, **QUALITY),
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


def write_variants(variants: list[Variant], frames: Iterable[av.VideoFrame]) -> list[np.ndarray]:
    """Write all chunks of all variants and return every tenth frame as RGB, None for the others."""
    reference: list[np.ndarray] = []
    for chunk_idx, group in groupby(enumerate(frames), key=lambda item: item[0] // FRAMES_PER_CHUNK):
        chunk = [frame for _, frame in group]
        for variant in variants:
            variant.write(chunk_path(variant.config, chunk_idx), chunk)
        reference += [
            frame.to_ndarray(format="rgb24") if number % 10 == 0 else None for number, frame in enumerate(chunk)
        ]
    return reference


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
            plain = pyav_frames(variants[idx].config, clip, NUM_FRAMES, seeks=True)
            plain_s[idx] += time.perf_counter() - start
            assert np.array_equal(loaded, plain), "the two loaders disagree"
    for idx, variant in enumerate(variants):
        variant.loader_s.append(loader_s[idx] / len(clips))
        variant.plain_s.append(plain_s[idx] / len(clips))


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
        "machine": machine("av"),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
