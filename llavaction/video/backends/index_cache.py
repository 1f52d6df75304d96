"""Packet indexes of the files used last, so that a file that is opened again need not be read whole again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from llavaction.video.backends.packet_index import PacketIndex

Key = tuple[Path, int, int]
"""A file, its size and when it was written: one that was replaced is another file."""


class IndexCache:
    """Keeps indexes, the ones used last, of files with `max_frames` frames together: 8 bytes per frame."""

    def __init__(self, max_frames: int) -> None:
        """Start empty; with 0 frames nothing is kept."""
        self.max_frames = max_frames
        self.num_frames = 0
        self._indexes: OrderedDict[Key, PacketIndex] = OrderedDict()

    def get(self, path: Path, make: Callable[[], PacketIndex]) -> PacketIndex:
        """Return the index of a file; `make` reads its packets where it is not known."""
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns)
        if key in self._indexes:
            self._indexes.move_to_end(key)
            return self._indexes[key]
        index = make()
        self._indexes[key] = index
        self.num_frames += len(index.frame_pts)
        while self.num_frames > self.max_frames:
            self.num_frames -= len(self._indexes.popitem(last=False)[1].frame_pts)
        return index
