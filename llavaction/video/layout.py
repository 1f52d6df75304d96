"""Where the frames of a video lie: in one file, or in chunks of a few seconds each."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError, VideoError, nearest
from llavaction.utils.paths import inside
from llavaction.video.backends import VideoBackend

ENDINGS = (".MP4", ".mp4", ".mkv", ".avi", ".webm")
"""Endings that a whole file may have, in the order in which they are tried after the configured one."""


class VideoLayout(StrEnum):
    """How the files of a video are named."""

    CHUNKS = "chunks"
    """`folder/P01/P01_01.MP4/{0,15,30,...}.MP4`: a folder per video, a file per chunk, by start second."""
    WHOLE = "whole"
    """`folder/P01/P01_01.MP4`, or `folder/P01_01.MP4` where the first does not exist."""


@dataclass
class VideoConfig:
    """Where videos lie and how clips are read from them."""

    folder: str
    """Folder that holds all videos; no default, as it depends on the machine."""
    layout: VideoLayout = VideoLayout.CHUNKS
    """How files are named; chunks, since seeking in hours of video is slow and files stay small."""
    backend: VideoBackend = VideoBackend.PYAV
    """Decoder; pyav, which is exact on every file and runs on every machine."""
    chunk_s: float = 15.0
    """Whole seconds per chunk; 15, as in the chunked EPIC-KITCHENS-100 that others have published."""
    extension: str = ".MP4"
    """Ending of video files and of chunk folders; .MP4, as EPIC-KITCHENS-100 names its files."""
    num_frames: int = 16
    """Frames per clip unless the caller asks for another number; 16, as the method trains with."""
    max_open_readers: int = 8
    """Open files per process; 8, enough for the clips of one video that follow one another."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ConfigError: naming the field, its value and what it may be.
        """
        for field, word, words in (
            ("layout", self.layout, [layout.value for layout in VideoLayout]),
            ("backend", self.backend, [backend.value for backend in VideoBackend]),
        ):
            if word not in words:
                raise ConfigError(f"video.{field}={word!r} is none of {words}{nearest(str(word), words)}")
        if not self.folder:
            raise ConfigError("video.folder is empty; give the folder that holds the videos")
        if not (math.isfinite(self.chunk_s) and self.chunk_s >= 1 and self.chunk_s == int(self.chunk_s)):
            raise ConfigError(f"video.chunk_s={self.chunk_s} must be whole seconds, 1 or more; they name the files")
        if not self.extension.startswith(".") or len(self.extension) < 2 or set(self.extension) & set("/\\\0"):
            raise ConfigError(f"video.extension={self.extension!r} must be a dot and letters, such as '.MP4'")
        for field, number in (("num_frames", self.num_frames), ("max_open_readers", self.max_open_readers)):
            if number < 1:
                raise ConfigError(f"video.{field}={number} must be 1 or more")


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
        return int(max(starts) // self.chunk_s)


def find_video(config: VideoConfig, video_id: str) -> VideoFiles:
    """Find the files of a video by its id; the participant's folder is the id up to its first underscore.

    For whole files, the participant's folder is searched before `config.folder`, and in each of them
    `config.extension` is tried before `ENDINGS`.

    Raises:
        VideoError: when nothing is there, or files lie there in the other layout.
        DataError: when `video_id` would leave `config.folder`.
    """
    folder = Path(config.folder)
    participant = inside(folder, video_id.split("_", 1)[0] or video_id)
    expected = inside(participant, video_id + config.extension)
    if config.layout == VideoLayout.CHUNKS:
        if expected.is_dir():
            return ChunkFolder(expected, config.chunk_s, config.extension)
        hint = "set video.layout=whole" if expected.is_file() else "check video.folder, or chunk the video"
        raise VideoError(f"{expected}: no folder of chunks for video {video_id!r}; {hint}")
    endings = dict.fromkeys((config.extension, *ENDINGS))
    for place in (participant, folder):
        for ending in endings:
            if (file := inside(place, video_id + ending)).is_file():
                return SingleFile(file)
    hint = "set video.layout=chunks" if expected.is_dir() else "check video.folder and video.extension"
    raise VideoError(f"{expected}: no file for video {video_id!r}, there or in {folder}; {hint}")
