"""Reading frames with decord 0.6, and refusing the files in which it returns wrong frames."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.utils.errors import VideoError
from llavaction.video.backends.base import (
    FrameReader,
    check_file,
    check_fps,
    check_frame_idx,
    decoding_error,
)
from llavaction.video.backends.index_cache import IndexCache
from llavaction.video.backends.packet_index import index_packets
from llavaction.video.backends.pyav_reader import open_stream

MIN_WIDTH = 64
"""Below this many pixels decord takes the padding of a row for a further colour channel."""
_EXACT_FORMATS = ("mp4", "matroska", "avi")  # decord mistakes its place after a seek in others (.ts)
_REMEDY = "use the pyav backend for it (video.backend=pyav), or re-encode it"


class DecordReader(FrameReader):
    """Reads with decord's `VideoReader` on one thread, as workers are the parallelism.

    The packets are looked at first (1 to 3 ms for 15 seconds), because
    decord gives wrong frames, without an error, around the keyframes of open groups of pictures
    (libx265's default) and in files with an edit list (cut with `ffmpeg -c copy`).
    """

    # Bound here, as readers may be dropped when the interpreter ends and modules are gone.
    _process_id = staticmethod(os.getpid)

    def __init__(self, path: Path, indexes: IndexCache | None = None) -> None:
        """Open `path`, after a look at its packets, unless `indexes` has them.

        Raises:
            VideoError: when the file cannot be opened, decord would not read it exactly, or decord is not installed.
        """
        self._reader: Any = None
        self._pid = self._process_id()
        check_file(path)
        decord = _import_decord(path)
        self.path = path
        _refuse_unfit(path, indexes or IndexCache(0))
        self._errors = (decord.DECORDError, decord.DECORDLimitReachedError, RuntimeError, AssertionError)
        try:
            # Without fault_tol, a frame that cannot be had is silently replaced by an earlier one.
            self._reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1, fault_tol=1e-9)
        except self._errors as error:
            raise VideoError(f"{path}: not a video that decord can open; fetch or write it again") from error
        self.num_frames = len(self._reader)
        self.fps = check_fps(path, float(self._reader.get_avg_fps()))

    def read(self, frame_idx: Sequence[int]) -> np.ndarray:
        indices = check_frame_idx(self.path, frame_idx, self.num_frames)
        wanted, places = np.unique(indices, return_inverse=True)
        try:
            images: np.ndarray = self._reader.get_batch(wanted).asnumpy()
        except self._errors as error:
            raise decoding_error(self.path, _reason(error)) from error
        return images[places]

    def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and self._process_id() != self._pid:
            # Freeing it would wait for a decoding thread that only the parent process has.
            reader._handle = None

    def __del__(self) -> None:
        """Close, so that a reader dropped in a forked child does not hang it."""
        self.close()


def _import_decord(path: Path) -> Any:
    try:
        decord = importlib.import_module("decord")
    except (ImportError, OSError) as error:
        raise VideoError(
            f"{path}: decord is not available ({error}); run `pip install decord` (x86 only) or set video.backend=pyav"
        ) from error
    decord.logging.set_level(decord.logging.QUIET)
    return decord


def _refuse_unfit(path: Path, indexes: IndexCache) -> None:
    container, stream = open_stream(path)
    with container:
        index = indexes.get(path, lambda: index_packets(path, container, stream))
        width, names = stream.codec_context.width, container.format.name.split(",")
    reason = ""
    if width < MIN_WIDTH:
        reason = f"is narrower than {MIN_WIDTH} pixels, which decord garbles"
    elif not set(names) & set(_EXACT_FORMATS):
        reason = f"is {names[0]}, in which decord mistakes its place after a seek"
    elif index.num_hidden:
        reason = f"hides {index.num_hidden} frames by an edit list, which decord miscounts"
    elif index.has_leading_frames:
        reason = "has frames displayed before the keyframe they follow, which decord misplaces"
    if reason:
        raise VideoError(f"{path}: the file {reason}; {_REMEDY}")


def _reason(error: Exception) -> str:
    """The first line of decord's message, without clock times and source lines."""
    return re.sub(r"\[[\d:]+\] \S+:\d+: ", "", str(error).strip().split("\n", 1)[0])
