"""Video decoders behind one interface, `FrameReader`; each optional library lives in its own file."""

from __future__ import annotations

from pathlib import Path

from llavaction.video.backends.base import FrameReader, VideoBackend
from llavaction.video.backends.decord_reader import DecordReader
from llavaction.video.backends.pyav_reader import PyavReader

__all__ = ["FrameReader", "VideoBackend", "open_reader"]


def open_reader(path: Path, backend: VideoBackend) -> FrameReader:
    """Open a video file for reading frames by index.

    Raises:
        VideoError: when the file is missing, empty or not a video, when the library asked for is
            not installed, or when decord was asked for and cannot read this file exactly.
    """
    return DecordReader(path) if backend == VideoBackend.DECORD else PyavReader(path)
