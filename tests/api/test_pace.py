from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from llavaction.api.pace import Pace, Stopped, parse_retry_after

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("inf", None),
        ("nan", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW_S) == seconds


async def _turns(pace: Pace, count: int) -> list[float]:
    """When requests that are ready at once go out, in seconds from the start."""
    start_s = time.monotonic()

    async def one() -> float:
        await pace.wait()
        return time.monotonic() - start_s

    return sorted(await asyncio.gather(*(one() for _ in range(count))))


def test_requests_are_spaced() -> None:
    async def measure() -> list[float]:
        return await _turns(Pace(1200), 6)

    turns = asyncio.run(measure())

    assert turns[0] < 0.05
    assert all(after - before >= 0.049 for before, after in pairwise(turns))


def test_without_a_limit_they_are_not() -> None:
    async def measure() -> list[float]:
        return await _turns(Pace(None), 20)

    assert asyncio.run(measure())[-1] < 0.1


def test_a_pause_holds_for_all_who_wait() -> None:
    async def measure() -> list[float]:
        pace = Pace(600)
        await pace.wait()
        turns = asyncio.ensure_future(_turns(pace, 3))
        await asyncio.sleep(0.01)  # now they wait for their turns, a tenth of a second apart
        pace.pause(0.4)
        return await turns

    turns = asyncio.run(measure())

    assert turns[0] >= 0.39
    assert turns[2] - turns[0] >= 0.19


def test_stopping_ends_all_waiting() -> None:
    async def measure() -> float:
        pace = Pace(None)
        pace.pause(60)
        asyncio.get_running_loop().call_later(0.02, pace.stop)
        start_s = time.monotonic()
        with pytest.raises(Stopped):
            await pace.wait()
        with pytest.raises(Stopped):
            await pace.sleep(60)
        return time.monotonic() - start_s

    assert asyncio.run(measure()) < 1
