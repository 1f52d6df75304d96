"""From pictures at any times to a constant frame rate. Times only; no pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import floor
from typing import Protocol, TypeVar


class Timed(Protocol):
    """Something shown from `time_s` on; the last one for `duration_s`."""

    @property
    def time_s(self) -> Fraction: ...

    @property
    def duration_s(self) -> Fraction: ...


T = TypeVar("T", bound=Timed)


def constant_rate(pictures: Iterable[T], fps: int) -> Iterator[T]:
    """Yield, for each moment `k / fps`, the picture nearest in time: pictures are left out or come again.

    Each moment is computed from its own number, so that nothing adds up over hours, whatever the source's rate.
    A source of 50 or 59.94 pictures per second is off by at most 10 or 8.3 ms, one of 25 by 20 ms, never by more
    than half the time between its pictures. A picture as near as the next one wins.

    Args:
        pictures: in order of time, the first at 0.
        fps: pictures per second to yield; `round(duration * fps)` of them, though at least one.
    """
    number = 0
    last: T | None = None
    for picture in pictures:
        if last is not None:
            # The last moment that is not nearer to this picture.
            border = floor((last.time_s + picture.time_s) * fps / 2)
            while number <= border:
                yield last
                number += 1
        last = picture
    if last is None:
        return
    total = max(1, round((last.time_s + last.duration_s) * fps))
    while number < total:
        yield last
        number += 1
