from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.timestamps import format_timestamp, parse_timestamp
from tests.properties import reproducible


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:00.00", 0.0),
        ("00:01:02.50", 62.5),
        ("01:00:00", 3600.0),
        (" 12:34:56.789 ", 45296.789),
        ("100:00:00.0", 360000.0),
    ],
)
def test_reads_hours_minutes_seconds(text: str, seconds: float) -> None:
    assert parse_timestamp(text) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    ["", "00:00", "1:00:00.0", "00:60:00.0", "00:00:60.0", "00:00:01.", "-00:00:01.0", "00:00:01.0x", "nan", "62.5"],
)
def test_refuses_other_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r"HH:MM:SS"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [
        (62.5, 2, "00:01:02.50"),
        (59.999, 2, "00:01:00.00"),
        (3599.9996, 3, "01:00:00.000"),
        (7.06, 1, "00:00:07.1"),
        (7.4, 0, "00:00:07"),
    ],
)
def test_rounds_and_carries(seconds: float, decimals: int, text: str) -> None:
    assert format_timestamp(seconds, decimals) == text


def test_no_negative_times() -> None:
    with pytest.raises(ValueError, match="negative"):
        format_timestamp(-0.5)


@reproducible
@given(st.integers(min_value=0, max_value=400 * 3600 * 100))
def test_centiseconds_survive_the_round_trip(ticks: int) -> None:
    text = format_timestamp(ticks / 100)
    assert parse_timestamp(text) == pytest.approx(ticks / 100, abs=1e-6)
    assert format_timestamp(parse_timestamp(text)) == text


@reproducible
@given(st.floats(min_value=0, max_value=1e6), st.integers(min_value=0, max_value=6))
def test_formatting_loses_at_most_half_a_unit(seconds: float, decimals: int) -> None:
    parsed = parse_timestamp(format_timestamp(seconds, decimals))
    assert abs(parsed - seconds) <= 0.5 * 10**-decimals + 1e-6
