"""Frames of a segment of a video: the one door through which pixels enter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llavaction.utils.errors import VideoError
from llavaction.video.layout import SingleFile, VideoConfig, VideoFiles, find_video
from llavaction.video.reader_pool import ReaderPool
from llavaction.video.sampling import jittered_frames, middle_frames
from llavaction.video.timeline import Timeline

MAX_OVERRUN_S = 1.0
"""How far a segment may end after its video: EPIC-KITCHENS-100 has some that do by a few frames."""


@dataclass(frozen=True)
class Clip:
    """Frames shown to the model, with their times."""

    frames: np.ndarray
    """uint8 RGB `[T, H, W, 3]`, in order of time; frames of short segments repeat."""
    times_s: np.ndarray
    """float64 `[T]`: seconds from the start of the video (not of the segment), index / frame rate."""


class ClipLoader:
    """Loads clips of the videos in one folder, keeping the files used last open.

    Frame indices run from `round(start_s * fps)` to `round(stop_s * fps)` at the rate that the files
    themselves have. Can be pickled and used after a fork; each process opens its own files.
    """

    def __init__(self, config: VideoConfig) -> None:
        """Open nothing yet."""
        self.config = config
        self.readers = ReaderPool(config.backend, config.max_open_readers)
        self._files: dict[str, VideoFiles] = {}

    def load(
        self,
        video_id: str,
        start_s: float,
        stop_s: float,
        *,
        num_frames: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> Clip:
        """Load exactly `num_frames` frames of a segment.

        Args:
            video_id: such as `P01_01`.
            start_s: seconds from the start of the video.
            stop_s: seconds; up to `MAX_OVERRUN_S` after the end of the video is taken as the end.
            num_frames: `config.num_frames` by default.
            rng: given: jittered frames, as in training; by default: the middle frames.

        Raises:
            VideoError: naming the video, the times and the file, when the segment is empty, starts
                after the end or stops too far after it, or when a file is missing, too short, cannot
                be decoded, or has another frame rate or size than the others.
            DataError: when `video_id` would leave the folder.
        """
        if video_id not in self._files:
            self._files[video_id] = find_video(self.config, video_id)
        try:
            return self._load(self._files[video_id], start_s, stop_s, num_frames, rng)
        except VideoError as error:
            raise VideoError(f"video {video_id}, {start_s:g} s to {stop_s:g} s: {error}") from error

    def load_file(
        self,
        path: Path,
        start_s: float | None = None,
        stop_s: float | None = None,
        *,
        num_frames: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> Clip:
        """Load frames of one file, wherever it lies; by default of the whole file.

        Raises:
            VideoError: as `load`.
        """
        start_s = 0.0 if start_s is None else start_s
        if stop_s is None:
            reader = self.readers.get(path)
            stop_s = reader.num_frames / reader.fps
        try:
            return self._load(SingleFile(path), start_s, stop_s, num_frames, rng)
        except VideoError as error:
            raise VideoError(f"{start_s:g} s to {stop_s:g} s: {error}") from error

    def _load(
        self,
        files: VideoFiles,
        start_s: float,
        stop_s: float,
        num_frames: int | None,
        rng: np.random.Generator | None,
    ) -> Clip:
        if not 0 <= start_s < stop_s < math.inf:
            raise VideoError(f"{files.path(0)}: no segment; need 0 <= start < stop, in seconds")
        timeline = Timeline(files, self.readers, start_s)
        start_idx, stop_idx = _bounds(timeline, start_s, stop_s)
        count = self.config.num_frames if num_frames is None else num_frames
        if rng is None:
            frame_idx = middle_frames(start_idx, stop_idx, count)
        else:
            frame_idx = jittered_frames(start_idx, stop_idx, count, rng)
        frames, read_idx = timeline.read(frame_idx)
        return Clip(frames, read_idx / timeline.fps)


def _bounds(timeline: Timeline, start_s: float, stop_s: float) -> tuple[int, int]:
    """First frame of the segment and the one after its last, which may be the first for a short one."""
    start_idx, stop_idx = round(start_s * timeline.fps), round(stop_s * timeline.fps)
    end_idx = timeline.clip_stop(max(stop_idx, start_idx + 1))
    end_s = end_idx / timeline.fps
    if start_idx >= end_idx:
        raise VideoError(
            f"{timeline.last_file()}: the video ends at {end_s:.2f} s, before the segment starts; "
            "check the segment's times"
        )
    if end_idx < stop_idx and stop_s > end_s + MAX_OVERRUN_S:
        raise VideoError(
            f"{timeline.last_file()}: the video ends at {end_s:.2f} s, {stop_s - end_s:.2f} s before the "
            f"segment stops ({MAX_OVERRUN_S:g} s is allowed); check its times, or chunk the whole video"
        )
    return start_idx, min(stop_idx, end_idx)
