"""Constant rates: the nearest picture for each moment, whatever the source, without drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.video.retiming import constant_rate
from tests.properties import reproducible

pytestmark = pytest.mark.thorough


@dataclass(frozen=True)
class Shown:
    time_s: Fraction
    duration_s: Fraction
    number: int


def at_rate(rate: Fraction, num_pictures: int) -> Iterator[Shown]:
    for number in range(num_pictures):
        yield Shown(number / rate, 1 / rate, number)


def test_every_second_picture() -> None:
    assert [picture.number for picture in constant_rate(at_rate(Fraction(60), 8), 30)] == [0, 2, 4, 6]
    assert [picture.number for picture in constant_rate(at_rate(Fraction(15), 3), 30)] == [0, 0, 1, 1, 2, 2]
    assert [picture.number for picture in constant_rate(at_rate(Fraction(30), 3), 30)] == [0, 1, 2]


def test_a_moment_as_near_to_both_shows_the_earlier_picture() -> None:
    assert [picture.number for picture in constant_rate(at_rate(Fraction(20), 4), 40)] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_one_picture_is_at_least_one_frame() -> None:
    assert len(list(constant_rate([Shown(Fraction(0), Fraction(1, 1000), 0)], 30))) == 1
    assert list(constant_rate([], 30)) == []


@pytest.mark.parametrize("rate", [Fraction(60000, 1001), Fraction(50), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_no_drift_in_three_hours(rate: Fraction) -> None:
    # A picture every 100 seconds, each followed by the next at the source's rate: hours in a moment.
    numbers = [number for first in range(0, int(10_800 * rate), int(100 * rate)) for number in (first, first + 1)]
    pictures = [Shown(number / rate, 1 / rate, number) for number in numbers]
    chosen = list(constant_rate(pictures, 30))
    assert len(chosen) == round((numbers[-1] + 1) / rate * 30)
    for number in range(0, len(chosen), 997):
        nearest = min(abs(other.time_s - Fraction(number, 30)) for other in pictures)
        assert abs(chosen[number].time_s - Fraction(number, 30)) == nearest


@reproducible
@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.sampled_from([10, 25, 30]))
def test_the_nearest_of_pictures_at_any_times(steps_ms: list[int], fps: int) -> None:
    times = [sum(steps_ms[:number]) for number in range(len(steps_ms))]
    pictures = [
        Shown(Fraction(time, 1000), Fraction(step, 1000), number)
        for number, (time, step) in enumerate(zip(times, steps_ms))
    ]

    chosen = list(constant_rate(iter(pictures), fps))

    assert len(chosen) == max(1, round(Fraction(sum(steps_ms), 1000) * fps))
    for number, picture in enumerate(chosen):
        nearest = min(abs(other.time_s - Fraction(number, fps)) for other in pictures)
        assert abs(picture.time_s - Fraction(number, fps)) == nearest
