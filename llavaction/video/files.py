"""The files of one video, and which of its frames each of them holds."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from llavaction.utils.errors import VideoError
from llavaction.video.backends import FrameReader, OpenVideo


class VideoFiles(Protocol):
    """The files of one video in order, numbered from 0, and which frames of the video each one holds."""

    def path(self, chunk_idx: int) -> Path:
        """The file of one chunk, whether it exists or not."""

    def chunk_at(self, time_s: float) -> int:
        """The chunk that holds a moment."""

    def chunk_of(self, frame_idx: int, fps: float) -> int:
        """The chunk that holds a frame of the video."""

    def first_frame(self, chunk_idx: int, fps: float) -> int:
        """Index in the video of a chunk's first frame."""

    def last_chunk(self) -> int:
        """The last chunk that exists; looks at the disk. Raises VideoError when none exists."""

    def open(self, chunk_idx: int, open_video: OpenVideo) -> FrameReader:
        """A reader of one chunk, opened by `open_video` if it is a video file.

        Raises VideoError when it is missing or cannot be read.
        """
        return open_video(self.path(chunk_idx))


@dataclass(frozen=True)
class SingleFile(VideoFiles):
    """A video in one file; any path will do."""

    file: Path

    def path(self, chunk_idx: int) -> Path:
        return self.file

    def chunk_at(self, time_s: float) -> int:
        return 0

    def chunk_of(self, frame_idx: int, fps: float) -> int:
        return 0

    def first_frame(self, chunk_idx: int, fps: float) -> int:
        return chunk_idx * sys.maxsize  # a second chunk would begin after any frame there can be

    def last_chunk(self) -> int:
        return 0


@dataclass(frozen=True)
class ChunkFolder(VideoFiles):
    """A folder of chunks named by their start second.

    Chunk k begins with frame `round(k * chunk_s * fps)`, so that a rate such as 59.94, with no whole
    number of frames per chunk, does not drift away from the chunks' names in a long video.
    """

    folder: Path
    chunk_s: float
    extension: str

    def path(self, chunk_idx: int) -> Path:
        return self.folder / f"{chunk_idx * int(self.chunk_s)}{self.extension}"

    def chunk_at(self, time_s: float) -> int:
        return int(time_s // self.chunk_s)

    def chunk_of(self, frame_idx: int, fps: float) -> int:
        guess = self.chunk_at(frame_idx / fps)
        return guess + 1 if frame_idx >= self.first_frame(guess + 1, fps) else guess

    def first_frame(self, chunk_idx: int, fps: float) -> int:
        return round(chunk_idx * self.chunk_s * fps)

    def last_chunk(self) -> int:
        """Look for the last chunk on disk.

        Raises:
            VideoError: when there is no chunk, or one begins at no multiple of `chunk_s`.
        """
        return self.chunks()[-1]

    def chunks(self) -> list[int]:
        """The chunks on disk, in order.

        Raises:
            VideoError: when there is no chunk, or one begins at no multiple of `chunk_s`.
        """
        names = [entry.name for entry in self.folder.iterdir() if entry.name.endswith(self.extension)]
        stems = [name.removesuffix(self.extension) for name in names]
        starts = [int(stem) for stem in stems if stem.isascii() and stem.isdigit()]
        if not starts:
            raise VideoError(f"{self.folder}: no chunk named 0{self.extension} or the like; chunk the video")
        for start_s in starts:
            if start_s % self.chunk_s:
                raise VideoError(
                    f"{self.path(0).with_stem(str(start_s))}: begins at no multiple of {self.chunk_s:g} s; "
                    "set video.chunk_s to the length the chunks were cut to"
                )
        return sorted(int(start_s // self.chunk_s) for start_s in starts)
