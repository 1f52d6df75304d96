"""Video decoders behind one interface, `FrameReader`; each optional library lives in its own file."""

from __future__ import annotations

from pathlib import Path

from llavaction.video.backends.base import FrameReader, OpenVideo, VideoBackend
from llavaction.video.backends.decord_reader import DecordReader
from llavaction.video.backends.index_cache import IndexCache
from llavaction.video.backends.pyav_reader import PyavReader

__all__ = ["FrameReader", "IndexCache", "OpenVideo", "VideoBackend", "open_reader"]


def open_reader(path: Path, backend: VideoBackend, indexes: IndexCache | None = None) -> FrameReader:
    """Open a video file for reading frames by index.

    Args:
        path: the file.
        backend: who decodes it.
        indexes: where packet indexes are looked up and kept.

    Raises:
        VideoError: when the file is missing, empty or not a video, when the library asked for is
            not installed, or when decord was asked for and cannot read this file exactly.
    """
    return DecordReader(path, indexes) if backend == VideoBackend.DECORD else PyavReader(path, indexes)
