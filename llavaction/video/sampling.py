"""Which frames of a segment are shown to the model. Indices only; no pixels, no files."""

from __future__ import annotations

import numpy as np

from llavaction.utils.errors import VideoError


def middle_frames(start_idx: int, stop_idx: int, num_frames: int) -> list[int]:
    """Pick the middles of `num_frames` equal parts of `[start_idx, stop_idx]`, cut to whole numbers.

    Ascending and never above `stop_idx - 1`. Indices repeat when the segment is shorter than
    `num_frames` frames; when `stop_idx` equals `start_idx`, all of them are `start_idx`.
    Computed in whole numbers, since a middle that is exactly whole may come out below it in floats.

    >>> middle_frames(0, 57, 4)
    [7, 21, 35, 49]

    Raises:
        VideoError: when `num_frames` is below 1, `start_idx` is negative or `stop_idx` is below it.
    """
    length = _check(start_idx, stop_idx, num_frames)
    return [start_idx + length * (2 * part + 1) // (2 * num_frames) for part in range(num_frames)]


def jittered_frames(start_idx: int, stop_idx: int, num_frames: int, rng: np.random.Generator) -> list[int]:
    """Pick one frame near the middle of each part, as in training: a new one on every draw.

    To each middle is added U(-0.5, 0.5) * (stop_idx - start_idx - 1) / num_frames. This is less than
    half a part, so that the frames stay ascending and within `[start_idx, stop_idx - 1]`.

    Raises:
        VideoError: as `middle_frames`.
    """
    length = _check(start_idx, stop_idx, num_frames)
    middles = start_idx + length * (2 * np.arange(num_frames) + 1) / (2 * num_frames)
    shifts = rng.uniform(-0.5, 0.5, num_frames) * max(length - 1, 0) / num_frames
    return [int(frame) for frame in middles + shifts]


def _check(start_idx: int, stop_idx: int, num_frames: int) -> int:
    if num_frames < 1:
        raise VideoError(f"num_frames is {num_frames}; ask for at least one frame")
    if start_idx < 0 or stop_idx < start_idx:
        raise VideoError(f"frames {start_idx} to {stop_idx} are no segment; need 0 <= start <= stop")
    return stop_idx - start_idx
