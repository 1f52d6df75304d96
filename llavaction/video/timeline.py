"""The frames of one video on one axis, whichever files they lie in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from llavaction.utils.errors import VideoError
from llavaction.video.backends import FrameReader
from llavaction.video.files import VideoFiles
from llavaction.video.reader_pool import ReaderPool

MAX_MISSING_FRAMES = 3
"""Frames that a chunk may lack at its end: encoders are off by one or two."""
FPS_TOLERANCE = 0.005
"""Relative difference allowed between the rates of two chunks: containers round them."""


class Timeline:
    """Reads frames of a video by their index in the video.

    The frame rate is that of the first chunk touched and must hold in all others. When a chunk in the
    middle lacks up to `MAX_MISSING_FRAMES` frames at its end, its last frame stands in for them.
    """

    def __init__(self, files: VideoFiles, readers: ReaderPool, start_s: float) -> None:
        """Take the frame rate from the chunk that holds `start_s`.

        Raises:
            VideoError: when that chunk does not exist: the video has ended, or the chunk is missing.
        """
        self._files = files
        self._readers = readers
        self.fps = 0.0  # not known yet
        self.fps = self._open(files.chunk_at(start_s)).fps

    def clip_stop(self, stop_idx: int) -> int:
        """Return `stop_idx`, or how many frames the video has if that is less.

        Raises:
            VideoError: when the video's last chunk cannot be read.
        """
        chunk_idx = self._files.chunk_of(stop_idx - 1, self.fps)
        if self._files.path(chunk_idx).exists() and stop_idx <= self._end(chunk_idx):
            return stop_idx
        # Where a chunk in the middle is short or missing, whether that matters is known when frames are read.
        return min(stop_idx, self.num_frames())

    def num_frames(self) -> int:
        """How many frames the video has, up to the end of its last chunk."""
        return self._end(self._files.last_chunk())

    def last_file(self) -> Path:
        """The file that holds the end of the video."""
        return self._files.path(self._files.last_chunk())

    def read(self, frame_idx: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Read frames of the video, each below what `clip_stop` returned.

        Returns:
            uint8 RGB `[T, H, W, 3]`, and the indices of the frames read, int64 `[T]`, which differ
            from `frame_idx` only where the last frame of a short chunk stands in.

        Raises:
            VideoError: when a chunk is missing or too short, cannot be decoded, or has another frame
                rate or picture size than the first one touched.
        """
        indices = np.asarray(frame_idx, dtype=np.int64)
        chunks = np.array([self._files.chunk_of(int(index), self.fps) for index in indices])
        frames: np.ndarray | None = None
        for chunk_idx in np.unique(chunks).tolist():
            here = chunks == chunk_idx
            reader = self._open(chunk_idx)
            first = self._files.first_frame(chunk_idx, self.fps)
            local = self._shorten(reader, indices[here] - first)
            images = reader.read(local.tolist())
            if frames is None:
                # Most clips lie in one chunk: theirs need no copy.
                frames = images if here.all() else np.empty((len(indices), *images.shape[1:]), dtype=np.uint8)
            if images.shape[1:] != frames.shape[1:]:
                raise VideoError(
                    f"{reader.path}: pictures are {images.shape[1:3]} (height, width), in the chunk before "
                    f"{frames.shape[1:3]}; chunk the video again with one size"
                )
            if frames is not images:
                frames[here] = images
            indices[here] = first + local
        if frames is None:
            raise VideoError("no frame index was asked for; ask for at least one")
        return frames, indices

    def _end(self, chunk_idx: int) -> int:
        # A chunk's frames beyond its share are shown by the next one: its name says when it begins.
        first, following = (self._files.first_frame(chunk, self.fps) for chunk in (chunk_idx, chunk_idx + 1))
        return min(first + self._open(chunk_idx).num_frames, following)

    def _open(self, chunk_idx: int) -> FrameReader:
        path = self._files.path(chunk_idx)
        try:
            reader = self._readers.get(path, lambda open_video: self._files.open(chunk_idx, open_video))
        except VideoError:
            if not path.exists():
                self._explain_missing(chunk_idx)
            raise
        if self.fps and abs(reader.fps - self.fps) > FPS_TOLERANCE * self.fps:
            raise VideoError(
                f"{path}: has {reader.fps:g} frames per second, the first chunk {self.fps:g}; chunk the video again"
            )
        return reader

    def _explain_missing(self, chunk_idx: int) -> None:
        """Raise the error for a chunk that is not there, if the other chunks tell why."""
        last = self._files.last_chunk()
        if last > chunk_idx:
            raise VideoError(
                f"{self._files.path(chunk_idx)}: this chunk is missing, while {self._files.path(last).name} "
                "exists; chunk the video again"
            ) from None
        if last < chunk_idx:
            reader = self._readers.get(self._files.path(last))
            end_s = self._files.first_frame(last, reader.fps) / reader.fps + reader.num_frames / reader.fps
            raise VideoError(
                f"{reader.path}: the video ends at {end_s:.2f} s with this chunk, before the segment starts; "
                "check the segment's times, or chunk the whole video"
            ) from None

    def _shorten(self, reader: FrameReader, local: np.ndarray) -> np.ndarray:
        highest, last = int(local.max()), reader.num_frames - 1
        if highest - last > MAX_MISSING_FRAMES:
            raise VideoError(
                f"{reader.path}: frame {highest} is needed and later chunks exist, but it has only "
                f"{last + 1} frames ({(last + 1) / self.fps:.2f} s); the chunk was cut off: write it again"
            )
        return local.clip(max=last)
