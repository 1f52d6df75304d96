"""Where the frames of a video lie: in one file, in chunks, in pictures, or in a file per segment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from llavaction.annotations.epic_kitchens import read_video_info
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError, VideoError, nearest
from llavaction.utils.paths import inside
from llavaction.video.backends import VideoBackend
from llavaction.video.files import ChunkFolder, SingleFile, VideoFiles
from llavaction.video.pictures import PictureFolder

__all__ = ["ENDINGS", "ChunkFolder", "SingleFile", "VideoConfig", "VideoFiles", "VideoLayout", "find_video"]

ENDINGS = (".MP4", ".mp4", ".mkv", ".avi", ".webm")
"""Endings that a whole file may have, in the order in which they are tried after the configured one."""


class VideoLayout(StrEnum):
    """How the files of a video are named."""

    CHUNKS = "chunks"
    """`folder/P01/P01_01.MP4/{0,15,30,...}.MP4`: a folder per video, a file per chunk, by start second."""
    WHOLE = "whole"
    """`folder/P01/P01_01.MP4`, or `folder/P01_01.MP4` where the first does not exist."""
    FRAMES = "frames"
    """`folder/P01/rgb_frames/P01_01/frame_0000000001.jpg`, or the same below `folder/P01/` or `folder/`: a folder
    per video, a picture per frame."""
    SEGMENTS = "segments"
    """`folder/P01/P01_01_0.MP4`, or `folder/P01_01_0.MP4`: a file per segment, which holds exactly the segment."""


@dataclass
class VideoConfig:
    """Where videos lie and how clips are read from them."""

    folder: str
    """Folder that holds all videos; no default, as it depends on the machine."""
    layout: VideoLayout = VideoLayout.CHUNKS
    """How files are named; chunks, since seeking in hours of video is slow and files stay small."""
    backend: VideoBackend = VideoBackend.PYAV
    """Decoder; pyav, which is exact on every file and runs on every machine. Pictures need none."""
    chunk_s: float = 15.0
    """Whole seconds per chunk; 15, as in the chunked EPIC-KITCHENS-100 that others have published."""
    extension: str = ".MP4"
    """Ending of video files and of chunk folders; .MP4, as EPIC-KITCHENS-100 names its files."""
    frame_rate: float | None = None
    """Frames per second of the `frames` layout, where all videos have the same; none, as pictures do not say it."""
    video_info: str | None = None
    """The same per video, instead: a CSV file with columns video_id, duration and fps, which EPIC-KITCHENS-100 has
    (EPIC_100_video_info.csv) and needs, as its videos were filmed at 50 and at 59.94 frames per second."""
    num_frames: int = 16
    """Frames per clip unless the caller asks for another number; 16, as the method trains with."""
    max_open_readers: int = 8
    """Open files per process; 8, enough for the clips of one video that follow one another. Each takes some MB, by its
    picture size."""
    max_indexed_frames: int = 4_000_000
    """Frames, over all files, whose places each process remembers after it has closed a file, so that it need not read
    the file whole when it opens it again. 4 million take 32 MB: 37 hours at 30 frames per second."""
    decode_timeout_s: float = 300.0
    """Seconds after which a clip that is not loaded yet is given up, as on a network disk that does not answer; it then
    counts as a bad video. 300, as opening a long file for the first time reads it whole, and other processes of a
    training run wait 1800. 0 waits for ever."""

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
        if self.max_indexed_frames < 0:
            raise ConfigError(f"video.max_indexed_frames={self.max_indexed_frames} must be 0 or more")
        if not (math.isfinite(self.decode_timeout_s) and self.decode_timeout_s >= 0):
            raise ConfigError(f"video.decode_timeout_s={self.decode_timeout_s} must be seconds, or 0 for no limit")
        self._check_frame_rate()

    def _check_frame_rate(self) -> None:
        if self.frame_rate is not None and not (math.isfinite(self.frame_rate) and self.frame_rate > 0):
            raise ConfigError(f"video.frame_rate={self.frame_rate} must be above 0, in frames per second")
        num_given = (self.frame_rate is not None) + (self.video_info is not None)
        if self.layout == VideoLayout.FRAMES and num_given != 1:
            raise ConfigError(
                "video.layout=frames needs the rate at which the pictures were extracted: either "
                "video.frame_rate=NUMBER or video.video_info=CSV (EPIC_100_video_info.csv)"
            )
        if self.layout != VideoLayout.FRAMES and num_given:
            raise ConfigError(
                f"video.frame_rate and video.video_info are for video.layout=frames; with layout={self.layout} "
                "the files state their rate, and nothing else is believed"
            )


def find_video(config: VideoConfig, video_id: str, segment_id: str | None = None) -> VideoFiles:
    """Find the files of one video.

    The participant folder of `P01_01` is `P01`, what stands before the first underscore.

    Args:
        config: where to look.
        video_id: such as `P01_01`.
        segment_id: such as `P01_01_0`; the `segments` layout needs it, the others do not look at it.

    Raises:
        VideoError: when there is no file (or folder) for this video or segment.
        DataError: when an id would leave `config.folder`.
    """
    folder = Path(config.folder)
    participant = inside(folder, video_id.split("_", 1)[0] or video_id)
    expected = inside(participant, video_id + config.extension)
    if config.layout == VideoLayout.CHUNKS:
        if expected.is_dir():
            return ChunkFolder(expected, config.chunk_s, config.extension)
        hint = "set video.layout=whole" if expected.is_file() else "check video.folder, or chunk the video"
        raise VideoError(f"{expected}: no folder of chunks for video {video_id!r}; {hint}")
    if config.layout == VideoLayout.FRAMES:
        return _find_pictures(config, video_id, [participant / "rgb_frames", participant, folder])
    if config.layout == VideoLayout.SEGMENTS:
        return _find_segment(config, segment_id, [participant, folder])
    if file := _find_file(config, video_id, [participant, folder]):
        return SingleFile(file)
    hint = "set video.layout=chunks" if expected.is_dir() else "check video.folder and video.extension"
    raise VideoError(f"{expected}: no file for video {video_id!r}, there or in {folder}; {hint}")


def _find_file(config: VideoConfig, name: str, places: list[Path]) -> Path | None:
    for place in places:
        for ending in dict.fromkeys((config.extension, *ENDINGS)):
            if (file := inside(place, name + ending)).is_file():
                return file
    return None


def _find_segment(config: VideoConfig, segment_id: str | None, places: list[Path]) -> SingleFile:
    if segment_id is None:
        raise VideoError("video.layout=segments has a file per segment, and this clip is of none; use another layout")
    if file := _find_file(config, segment_id, places):
        return SingleFile(file)
    raise VideoError(
        f"{inside(places[0], segment_id + config.extension)}: no file for segment {segment_id!r}, there or in "
        f"{places[-1]}; check video.folder and video.extension"
    )


def _find_pictures(config: VideoConfig, video_id: str, places: list[Path]) -> PictureFolder:
    for place in places:
        if (folder := inside(place, video_id)).is_dir():
            return PictureFolder(folder, _frame_rate(config, video_id))
    raise VideoError(
        f"{inside(places[0], video_id)}: no folder of pictures for video {video_id!r}, there or in "
        f"{places[1]} or {places[2]}; check video.folder"
    )


def _frame_rate(config: VideoConfig, video_id: str) -> float:
    if config.video_info is None:
        assert config.frame_rate is not None  # checked in __post_init__
        return config.frame_rate
    rates = _read_frame_rates(config.video_info)
    if video_id not in rates:
        raise VideoError(f"{config.video_info}: no row for video {video_id!r}, so its frame rate is not known; add it")
    return rates[video_id]


@cache
def _read_frame_rates(path: str) -> dict[str, float]:
    return {video_id: info.fps for video_id, info in read_video_info(Path(path)).items()}
