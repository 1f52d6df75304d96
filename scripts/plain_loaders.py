"""Loading clips without any of this project's readers, as a benchmark's point of comparison.

Each function opens the files of one clip, takes the frames from them and closes them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream
from bench_videos import CONFIG, FRAMES_PER_CHUNK, VIDEO_ID, Clip
from PIL import Image

from llavaction.video.layout import VideoConfig, find_video
from llavaction.video.sampling import middle_frames

SIDE = 384


def pyav_frames(config: VideoConfig, clip: Clip, num_frames: int, *, seeks: bool) -> np.ndarray:
    """Frames uint8 `[T, H, W, 3]`, from files of a constant rate that begin at 0.

    Decodes to the last frame needed of a file and converts those needed. Begins at the keyframe before the first one if
    it `seeks`, else at the start, as in the documentation of transformers (`read_video_pyav`).
    """
    images = []
    for path, wanted in frames_by_file(config, clip, num_frames):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert isinstance(stream, VideoStream) and stream.time_base is not None
            stream.codec_context.thread_count = 1
            units = 1 / (CONFIG.fps * stream.time_base)
            if seeks:
                container.seek(int(wanted[0] * units), stream=stream)
            for frame in container.decode(stream):
                if frame.pts is not None and round(frame.pts / units) in wanted:
                    images.append(frame.to_ndarray(format="rgb24"))
                    if round(frame.pts / units) == wanted[-1]:
                        break
    return np.stack(images)


def decord_frames(config: VideoConfig, clip: Clip, num_frames: int) -> np.ndarray:
    """The same with decord, as the public code of the method does it."""
    decord: Any = import_module("decord")
    parts = []
    for path, wanted in frames_by_file(config, clip, num_frames):
        reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
        parts.append(reader.get_batch(wanted).asnumpy())
    return np.concatenate(parts)


def torchcodec_frames(config: VideoConfig, clip: Clip, num_frames: int) -> np.ndarray:
    """The same with torchcodec."""
    decoders: Any = import_module("torchcodec.decoders")
    parts = []
    for path, wanted in frames_by_file(config, clip, num_frames):
        decoder = decoders.VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1)
        parts.append(decoder.get_frames_at(indices=wanted).data.numpy())
    return np.concatenate(parts)


def frames_by_file(config: VideoConfig, clip: Clip, num_frames: int) -> Iterator[tuple[Path, list[int]]]:
    """The files that a clip lies in, and the frames needed of each, counted from its start."""
    first, stop = (round(time_s * CONFIG.fps) for time_s in clip)
    files = find_video(config, VIDEO_ID)
    for chunk_idx, group in groupby(middle_frames(first, stop, num_frames), lambda idx: idx // FRAMES_PER_CHUNK):
        yield files.path(chunk_idx), [frame_idx - chunk_idx * FRAMES_PER_CHUNK for frame_idx in group]


def as_pixels(images: Iterable[np.ndarray]) -> np.ndarray:
    """What a model takes: each frame resized, all of them scaled to [-1, 1]: float32 `[T, 3, 384, 384]`."""
    pixels = np.stack([resized(image) for image in images]).astype(np.float32)
    return np.ascontiguousarray(((pixels / 255 - 0.5) / 0.5).transpose(0, 3, 1, 2))


def resized(image: np.ndarray) -> np.ndarray:
    """One frame by Pillow's bicubic: uint8 `[384, 384, 3]`."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
