"""How many clips a second one core loads for training, and how many a plain loader does.

    python scripts/bench_loader.py                      a made-up head camera, three to five minutes
    python scripts/bench_loader.py --video FILE         the first 45 seconds of a video of your own
    python scripts/bench_loader.py --size 568x320       as chunk_videos.py makes of 1080p; 320x256 by default

Writes the same frames into 15-second chunks twice: as libx264 does by itself (a keyframe every 250 frames, more at
cuts), and as data_prep/chunk_videos.py does. Then takes 2-second clips at random places, some of which lie in two
chunks, and makes 16 and 32 frames of 384 x 384 of each, in turn with

- ours: ClipLoader and prepare_frames, as training has them, with either decoder. Colours stay uint8: the model scales
  them on its device; once also on the core. And once with all files closed before each clip, as when the next clip is
  always of another file.
- plain: per clip open the file, decode to the last frame needed, resize each frame with Pillow (bicubic), stack and
  scale. With PyAV from the start of the file, as in the documentation of transformers, or seeking, which is from the
  keyframe before the first frame needed; with decord by a VideoReader and its get_batch, as in the method's own code.

Each loader has a process of its own on the same core; what counts is the time for which that core computed, which
other programs on the machine change little. Files are in the page cache. Prints clips per second (medians of the
passes), how far ours are from Pillow's pixels, and last a line of JSON: `default_gop_ratio` and `short_gop_ratio` are
ours over plain, both with PyAV, at 16 frames, on the same files; `ratios` has them for each plain loader and number.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from itertools import groupby, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
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
from plain_loaders import SIDE, as_pixels, decord_frames, pyav_frames, resized, torchcodec_frames

from llavaction.model.vision import normalise
from llavaction.processing.images import prepare_frames
from llavaction.video.backends import VideoBackend
from llavaction.video.chunking import write_chunk
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig

NUM_FRAMES = (16, 32)
FALLOFF = 1.5
"""Of the made-up camera's textures: as in videos."""
TURN = 4
"""Clips that a loader loads before the next one takes its turn: one alone would find the caches of the core full of
what others left there."""

Load = Callable[[VideoConfig, Clip, int], Any]


# ---- the loaders -------------------------------------------------------------------------------------------------


@dataclass
class Ours:
    """What training does, in one of its worker processes."""

    backend: VideoBackend = VideoBackend.PYAV
    keeps_open: bool = True
    scales: bool = False
    loaders: dict[str, ClipLoader] = field(default_factory=dict)

    def __call__(self, config: VideoConfig, clip: Clip, num_frames: int) -> torch.Tensor:
        """Pixels uint8 `[T, 3, 384, 384]`, or float32 if it scales."""
        if config.folder not in self.loaders:
            self.loaders[config.folder] = ClipLoader(VideoConfig(config.folder, backend=self.backend))
        loader = self.loaders[config.folder]
        if not self.keeps_open:
            loader.readers.close()
        pixels = prepare_frames(loader.load(VIDEO_ID, *clip, num_frames=num_frames).frames, SIDE)
        return normalise(pixels, torch.float32) if self.scales else pixels


@dataclass(frozen=True)
class Plain:
    """A reader per clip, Pillow per frame."""

    frames: Callable[[VideoConfig, Clip, int], np.ndarray]

    def __call__(self, config: VideoConfig, clip: Clip, num_frames: int) -> np.ndarray:
        """Pixels float32 `[T, 3, 384, 384]`."""
        return as_pixels(self.frames(config, clip, num_frames))


def usable_loaders() -> tuple[dict[str, Load], dict[str, str]]:
    """All loaders by name whose library can be imported, and why the others cannot be used."""
    loaders: dict[str, Load] = {
        "ours, pyav": Ours(),
        "ours, pyav, files opened anew": Ours(keeps_open=False),
        "ours, pyav, scaled on the core": Ours(scales=True),
        "ours, decord": Ours(VideoBackend.DECORD),
        "plain pyav": Plain(partial(pyav_frames, seeks=False)),
        "plain pyav, seeking": Plain(partial(pyav_frames, seeks=True)),
        "plain decord": Plain(decord_frames),
        "plain torchcodec": Plain(torchcodec_frames),
    }
    absent = {}
    for library in ("decord", "torchcodec"):
        try:
            import_module(library)
        except (ImportError, OSError, RuntimeError) as error:
            absent[library] = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return {name: load for name, load in loaders.items() if not any(name.endswith(one) for one in absent)}, absent


# ---- measuring ---------------------------------------------------------------------------------------------------


class Worker:
    """A loader in a process of its own, which tells for how long its core computed."""

    def __init__(self, load: Load) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, end = context.Pipe()
        self._process = context.Process(target=_serve, args=(load, end), daemon=True)
        self._process.start()

    def seconds(self, config: VideoConfig, clips: list[Clip], num_frames: int) -> float:
        """Load some clips."""
        self._pipe.send((config, clips, num_frames))
        return float(self._pipe.recv())

    def stop(self) -> None:
        """End the process."""
        self._pipe.send(None)
        self._process.join(10)
        self._process.kill()


def _serve(load: Load, pipe: Connection) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    before = time.process_time()
    while (task := pipe.recv()) is not None:
        config, clips, num_frames = task
        for clip in clips:
            load(config, clip, num_frames)
        # Since the last turn: also what threads of a decoder did after they had returned the frames.
        now = time.process_time()
        pipe.send(now - before)
        before = now


@dataclass
class Chunks:
    """One way of writing chunks."""

    name: str
    config: VideoConfig
    write: Callable[[Path, Iterable[av.VideoFrame]], object]


Rates = dict[tuple[str, str, int], float]
"""Clips per second, by chunks, loader and number of frames."""


def measure(chunks: list[Chunks], loaders: dict[str, Load], clips: list[Clip], num_passes: int) -> Rates:
    """Load all clips, some at a time, with all loaders in turn; another one begins each time. Medians of the passes."""
    workers = {name: Worker(load) for name, load in loaders.items()}
    names = list(workers)
    rates: Rates = {}
    for kind in chunks:
        for num_frames in NUM_FRAMES:
            for worker in workers.values():
                worker.seconds(kind.config, clips[:1], num_frames)
            passes: dict[str, list[float]] = {name: [] for name in names}
            for pass_idx in range(num_passes):
                spent = dict.fromkeys(names, 0.0)
                for turn, start in enumerate(range(0, len(clips), TURN)):
                    first = (turn + pass_idx) % len(names)
                    for name in names[first:] + names[:first]:
                        spent[name] += workers[name].seconds(kind.config, clips[start : start + TURN], num_frames)
                for name in names:
                    passes[name].append(len(clips) / spent[name])
            rates.update({(kind.name, name, num_frames): statistics.median(passes[name]) for name in names})
    for worker in workers.values():
        worker.stop()
    return rates


def pixel_difference(chunks: list[Chunks], clips: list[Clip]) -> float:
    """How far our pixels are from Pillow's, in colours of 0 to 255, on average over all chunks and clips."""
    ours, differences = Ours(), []
    for kind in chunks:
        for clip in clips:
            pixels = ours(kind.config, clip, NUM_FRAMES[0]).permute(0, 2, 3, 1).numpy().astype(int)
            plain = np.stack([resized(image) for image in pyav_frames(kind.config, clip, NUM_FRAMES[0], seeks=True)])
            differences.append(float(np.abs(pixels - plain).mean()))
    return statistics.mean(differences)


# ---- the run -----------------------------------------------------------------------------------------------------


def main() -> None:
    """Write, load, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, help="any video; a made-up one by default")
    parser.add_argument("--size", default="320x256", help="of the made-up one, WIDTHxHEIGHT (%(default)s)")
    parser.add_argument("--seconds", type=int, default=45, help="how much of it (%(default)s)")
    parser.add_argument("--clips", type=int, default=16, help="clips per pass (%(default)s)")
    parser.add_argument("--passes", type=int, default=3, help="passes, of which the median counts (%(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    width, height = (int(length) for length in options.size.split("x"))
    frames = scaled(options.video) if options.video else head_camera(width, height, FALLOFF)
    with tempfile.TemporaryDirectory() as folder:
        chunks = [
            Chunks("default", VideoConfig(f"{folder}/default"), write_like_libx264),
            Chunks("short", VideoConfig(f"{folder}/short"), partial(write_chunk, config=CONFIG)),
        ]
        seconds = write_all(chunks, islice(frames, options.seconds * CONFIG.fps))
        clips = draw_clips(seconds, options.clips)
        loaders, absent = usable_loaders()
        difference = pixel_difference(chunks, clips[:4])
        rates = measure(chunks, loaders, clips, options.passes)
    print_results(rates, list(loaders), absent, difference, f"{options.passes} x {options.clips} clips")


def write_all(chunks: list[Chunks], frames: Iterable[av.VideoFrame]) -> float:
    """Write all chunks; how many seconds they are."""
    num_frames = 0
    for chunk_idx, group in groupby(enumerate(frames), key=lambda item: item[0] // FRAMES_PER_CHUNK):
        chunk = [frame for _, frame in group]
        for kind in chunks:
            kind.write(chunk_path(kind.config, chunk_idx), chunk)
        num_frames += len(chunk)
    return num_frames / CONFIG.fps


def print_results(rates: Rates, names: list[str], absent: dict[str, str], difference: float, what: str) -> None:
    """The table and the line of JSON."""
    columns = [(kind, num_frames) for kind in ("default", "short") for num_frames in NUM_FRAMES]
    print(f"clips of {CLIP_S:g} s per second of one core ({what}); chunks as libx264 and as chunk_videos.py write them")
    print(f"{'loader':32}" + "".join(f"{f'{kind}, {num_frames}':>14}" for kind, num_frames in columns))
    for name in names:
        print(f"{name:32}" + "".join(f"{rates[kind, name, num_frames]:14.1f}" for kind, num_frames in columns))
    for library, reason in absent.items():
        print(f"{library} is not here: {reason}")
    print(f"mean difference from Pillow's pixels: {difference:.4f} of 255")
    ratios = {
        plain.removeprefix("plain "): {
            f"{kind}_{num_frames}": round(rates[kind, "ours, pyav", num_frames] / rates[kind, plain, num_frames], 2)
            for kind, num_frames in columns
        }
        for plain in names
        if plain.startswith("plain")
    }
    figures = {
        "default_gop_ratio": ratios["pyav"]["default_16"],
        "short_gop_ratio": ratios["pyav"]["short_16"],
        "ratios": ratios,
        "pixel_difference": round(difference, 4),
        "clips_per_s": {
            name: {f"{kind}_{num_frames}": round(rates[kind, name, num_frames], 2) for kind, num_frames in columns}
            for name in names
        },
        "absent": sorted(absent),
        "machine": machine("av", "decord", "torch", "pillow"),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
