"""Open video files kept for the next clip, per process."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from llavaction.video.backends import FrameReader, IndexCache, OpenVideo, VideoBackend, open_reader


class ReaderPool:
    """The readers used last, so that clips that follow one another do not open their files again.

    Readers belong to the process that opened them: a forked child opens its own, and a pickled pool
    arrives empty. Not for use by two threads at once.
    """

    def __init__(self, backend: VideoBackend, max_open: int, max_indexed_frames: int = 0) -> None:
        """Keep at most `max_open` files open, and know the packets of files with so many frames together."""
        self.backend = backend
        self.max_open = max_open
        self.num_opened = 0
        self.asked_for: Path | None = None
        """The file asked for last."""
        self._indexes = IndexCache(max_indexed_frames)
        self._readers: OrderedDict[Path, FrameReader] = OrderedDict()
        self._pid = os.getpid()

    def get(self, path: Path, open_file: Callable[[OpenVideo], FrameReader] | None = None) -> FrameReader:
        """Return an open reader; it may be closed by the next call for another file.

        Args:
            path: the file, or the folder of pictures.
            open_file: how to open it, given how this pool opens video files; as one of these by default.

        Raises:
            VideoError: when the file cannot be opened.
        """
        self.asked_for = path
        if self._pid != os.getpid():
            # The file position is shared with the parent's readers, and decord's threads are not here.
            self.close()
            self._pid = os.getpid()
        if path not in self._readers:
            while len(self._readers) >= self.max_open:
                self._readers.popitem(last=False)[1].close()
            self._readers[path] = open_file(self._open_video) if open_file else self._open_video(path)
            self.num_opened += 1
        self._readers.move_to_end(path)
        return self._readers[path]

    def close(self) -> None:
        """Close all files; the pool stays usable."""
        while self._readers:
            self._readers.popitem()[1].close()

    def __reduce__(self) -> tuple[type[ReaderPool], tuple[VideoBackend, int, int]]:
        """Leave the readers behind when pickled: they hold open files."""
        return ReaderPool, (self.backend, self.max_open, self._indexes.max_frames)

    def _open_video(self, path: Path) -> FrameReader:
        return open_reader(path, self.backend, self._indexes)
