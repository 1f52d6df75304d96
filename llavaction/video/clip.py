"""Frames of a segment of a video: the one door through which pixels enter."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llavaction.utils.errors import VideoError
from llavaction.video.files import SingleFile, VideoFiles
from llavaction.video.layout import VideoConfig, VideoLayout, find_video
from llavaction.video.reader_pool import ReaderPool
from llavaction.video.sampling import jittered_frames, middle_frames
from llavaction.video.time_limit import TimeLimit, TookTooLong
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


@dataclass(frozen=True)
class Stretch:
    """The frames of a segment: `start_idx` to `stop_idx - 1` of a timeline, or its first where both are equal."""

    timeline: Timeline
    start_idx: int
    stop_idx: int
    offset_s: float = 0.0
    """Seconds from the start of the video to frame 0 of the timeline."""


class ClipLoader:
    """Loads clips of the videos in one folder, keeping the files used last open.

    Frame indices run from `round(start_s * fps)` to `round(stop_s * fps)` at the rate that the files
    themselves have. Can be pickled and used after a fork; each process opens its own files.
    """

    def __init__(self, config: VideoConfig) -> None:
        """Open nothing yet."""
        self.config = config
        self.readers = self._new_readers()
        self._files: dict[str, VideoFiles] = {}
        self._limit = TimeLimit(config.decode_timeout_s)

    def load(
        self,
        video_id: str,
        start_s: float,
        stop_s: float,
        *,
        segment_id: str | None = None,
        num_frames: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> Clip:
        """Load exactly `num_frames` frames of a segment.

        Args:
            video_id: such as `P01_01`.
            start_s: seconds from the start of the video.
            stop_s: seconds; up to `MAX_OVERRUN_S` after the end of the video is taken as the end.
            segment_id: such as `P01_01_0`; needed by the `segments` layout only.
            num_frames: `config.num_frames` by default.
            rng: given: jittered frames, as in training; by default: the middle frames.

        Raises:
            VideoError: naming the video, the times and the file, when the segment is empty, starts
                after the end or stops too far after it, or when a file is missing, too short, cannot
                be decoded, or has another frame rate or size than the others, or, in the `segments`
                layout, lasts longer or shorter than the clip; or when all this is not known after
                `config.decode_timeout_s`.
            DataError: when an id would leave the folder.
        """

        def load() -> Clip:
            return self._sample(self.find(video_id, start_s, stop_s, segment_id=segment_id), num_frames, rng)

        try:
            return self._within_limit(load)
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
        first_s = 0.0 if start_s is None else start_s

        def load() -> Clip:
            last_s = self._duration(path) if stop_s is None else stop_s
            return self._sample(_stretch(SingleFile(path), self.readers, first_s, last_s), num_frames, rng)

        try:
            return self._within_limit(load)
        except VideoError as error:
            raise VideoError(f"{first_s:g} s to {'the end' if stop_s is None else f'{stop_s:g} s'}: {error}") from error

    def find(self, video_id: str, start_s: float, stop_s: float, *, segment_id: str | None = None) -> Stretch:
        """Find the frames of a segment without reading them.

        Raises:
            VideoError, DataError: as `load`, though without the video's name and the times.
        """
        one_file = self.config.layout == VideoLayout.SEGMENTS
        key = segment_id if one_file and segment_id is not None else video_id
        if key not in self._files:
            self._files[key] = find_video(self.config, video_id, segment_id)
        if not one_file:
            return _stretch(self._files[key], self.readers, start_s, stop_s)
        return _whole_file(self._files[key], self.readers, start_s, stop_s)

    def _new_readers(self) -> ReaderPool:
        config = self.config
        return ReaderPool(config.backend, config.max_open_readers, config.max_indexed_frames)

    def _within_limit(self, load: Callable[[], Clip]) -> Clip:
        self.readers.asked_for = None
        try:
            return self._limit.call(load)
        except TookTooLong:
            stuck = self.readers.asked_for or self.config.folder
            # The thread that is stuck has the old ones, and may go on with them.
            self.readers, self._files = self._new_readers(), {}
            raise VideoError(
                f"{stuck}: not read after {self.config.decode_timeout_s:g} s and given up; see whether its disk "
                "answers and the file plays, or raise video.decode_timeout_s (0: no limit)"
            ) from None

    def _duration(self, path: Path) -> float:
        reader = self.readers.get(path)
        return reader.num_frames / reader.fps

    def _sample(self, stretch: Stretch, num_frames: int | None, rng: np.random.Generator | None) -> Clip:
        count = self.config.num_frames if num_frames is None else num_frames
        if rng is None:
            frame_idx = middle_frames(stretch.start_idx, stretch.stop_idx, count)
        else:
            frame_idx = jittered_frames(stretch.start_idx, stretch.stop_idx, count, rng)
        frames, read_idx = stretch.timeline.read(frame_idx)
        return Clip(frames, stretch.offset_s + read_idx / stretch.timeline.fps)


def _stretch(files: VideoFiles, readers: ReaderPool, start_s: float, stop_s: float) -> Stretch:
    if not 0 <= start_s < stop_s < math.inf:
        raise VideoError(f"{files.path(0)}: no segment; need 0 <= start < stop, in seconds")
    timeline = Timeline(files, readers, start_s)
    start_idx, stop_idx = _bounds(timeline, start_s, stop_s)
    return Stretch(timeline, start_idx, stop_idx)


def _whole_file(files: VideoFiles, readers: ReaderPool, start_s: float, stop_s: float) -> Stretch:
    """A stretch of a file that holds exactly what lies between the two times."""
    if not 0 <= start_s < stop_s < math.inf:
        raise VideoError(f"{files.path(0)}: no segment; need 0 <= start < stop, in seconds")
    timeline = Timeline(files, readers, 0.0)
    duration_s = timeline.num_frames() / timeline.fps
    if abs(duration_s - (stop_s - start_s)) > MAX_OVERRUN_S:
        raise VideoError(
            f"{files.path(0)}: the file lasts {duration_s:.2f} s, the clip {stop_s - start_s:.2f} s "
            f"({MAX_OVERRUN_S:g} s of difference is allowed); a clip that shows more or less than its segment, such "
            "as one padded for temporal detection, needs a layout that holds the whole video"
        )
    _, stop_idx = _bounds(timeline, 0.0, stop_s - start_s)
    return Stretch(timeline, 0, stop_idx, start_s)


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
