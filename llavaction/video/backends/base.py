"""What every video decoder offers, and the checks that all of them share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import VideoError


class VideoBackend(StrEnum):
    """Which library decodes."""

    PYAV = "pyav"
    """Exact on every file, on every machine, and the faster of the two at picking frames of short clips."""
    DECORD = "decord"
    """What the public code uses; refuses files that it would misread. No ARM wheels exist."""


class FrameReader(Protocol):
    """One open video file whose frames are read by index; not for use by two threads at once.

    Frame `i` is the `i`-th frame in the order of display. All readers return the same frames.
    """

    path: Path
    """The file."""
    num_frames: int
    """How many frames are displayed; the last index is one less."""
    fps: float
    """Average frames per second, as the container says."""

    def read(self, frame_idx: Sequence[int]) -> np.ndarray:
        """Read frames: uint8 RGB `[T, H, W, 3]`, in the order asked for; an index may come twice.

        Raises:
            VideoError: for no index, an index outside the file, or a frame that cannot be decoded.
        """

    def close(self) -> None:
        """Let go of the file. Safe in a forked child, and safe to call twice."""

    @property
    def height(self) -> int:
        """Pixels, after the rotation that the file asks for; decodes the first frame."""
        return int(self.read([0]).shape[1])

    @property
    def width(self) -> int:
        """Pixels, after the rotation that the file asks for; decodes the first frame."""
        return int(self.read([0]).shape[2])


OpenVideo = Callable[[Path], FrameReader]
"""Opens a video file; where and how is settled."""


def check_file(path: Path) -> None:
    """Refuse what cannot be a video before a decoder sees it.

    Raises:
        VideoError: when `path` is missing, is no regular file, or is empty.
    """
    if not path.is_file():
        reason = "is not a regular file" if path.exists() else "no such file"
        raise VideoError(f"{path}: {reason}; check the video folder and its layout")
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: the file is empty; fetch or write it again")


def check_fps(path: Path, fps: float) -> float:
    """Return `fps`.

    Raises:
        VideoError: when it is not a positive, finite number: the container does not say it.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise VideoError(f"{path}: the container gives no frame rate ({fps}); re-encode the file as .mp4")
    return fps


def check_frame_idx(path: Path, frame_idx: Sequence[int], num_frames: int) -> np.ndarray:
    """Turn `frame_idx` into int64 `[T]`.

    Raises:
        VideoError: when it is empty, or an index is negative or not below `num_frames`.
    """
    indices = np.asarray(frame_idx, dtype=np.int64).reshape(-1)
    if indices.size == 0:
        raise VideoError(f"{path}: no frame index was asked for; ask for at least one")
    outside = indices[(indices < 0) | (indices >= num_frames)]
    if outside.size:
        raise VideoError(
            f"{path}: frame index {outside[0]} is outside the file, which has {num_frames} frames "
            f"(0 to {num_frames - 1}); check the segment's times"
        )
    return indices


def decoding_error(path: Path, reason: str) -> VideoError:
    """Make the error for data that a decoder rejects; only the first line of `reason` is kept."""
    first = (reason.strip().splitlines() or ["unknown reason"])[0]
    return VideoError(f"{path}: cannot be decoded ({first}); fetch the file again or re-encode it as .mp4")
