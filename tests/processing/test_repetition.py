"""How often samples come."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.processing.repetition import numbers_by_weight, times_by_number, times_by_repeat
from llavaction.utils.errors import ConfigError
from tests.properties import reproducible

IDS = [f"direct/{number}" for number in range(60)]


@reproducible
@given(st.integers(1, 500), st.integers(0, 3), st.randoms(use_true_random=False))
def test_a_number_is_met_and_shared_out_evenly(number: int, seed: int, order: random.Random) -> None:
    mixed = list(IDS)
    order.shuffle(mixed)
    times = dict(zip(mixed, times_by_number(mixed, number, "a", seed), strict=True))

    assert sum(times.values()) == number
    assert max(times.values()) - min(times.values()) <= 1
    assert times == dict(zip(IDS, times_by_number(IDS, number, "a", seed), strict=True))


def test_repeats() -> None:
    assert times_by_repeat(IDS, 2.0, "a", 0) == [2] * len(IDS)
    broken = times_by_repeat(IDS, 1.5, "a", 0)
    assert set(broken) == {1, 2} and 20 < broken.count(2) < 40
    assert broken[:10] == times_by_repeat(IDS[:10], 1.5, "a", 0)
    assert broken != times_by_repeat(IDS, 1.5, "b", 0)


@reproducible
@given(
    st.dictionaries(st.sampled_from("abcd"), st.tuples(st.floats(0.5, 4), st.integers(10, 90)), min_size=1),
    st.none() | st.integers(40, 2000),
)
def test_weights_share_out_the_epoch(datasets: dict[str, tuple[float, int]], samples_per_epoch: int | None) -> None:
    weights = {name: weight for name, (weight, _) in datasets.items()}
    available = {name: count for name, (_, count) in datasets.items()}
    numbers = numbers_by_weight(weights, available, samples_per_epoch)
    total = sum(numbers.values())

    for name, number in numbers.items():
        assert abs(number - total * weights[name] / sum(weights.values())) <= 1
    if samples_per_epoch is not None:
        assert total == samples_per_epoch
    else:
        assert all(number <= available[name] for name, number in numbers.items())
        assert any(number == available[name] for name, number in numbers.items())


def test_the_scale_of_weights_does_not_matter() -> None:
    available = {"mqa": 100, "direct": 100}

    assert numbers_by_weight({"mqa": 3, "direct": 1}, available, None) == {"mqa": 100, "direct": 33}
    assert numbers_by_weight({"mqa": 0.75, "direct": 0.25}, available, None) == {"mqa": 100, "direct": 33}
    assert numbers_by_weight({"mqa": 3, "direct": 1}, available, 1000) == {"mqa": 750, "direct": 250}


def test_a_share_of_less_than_a_sample() -> None:
    text = r"mixture\.datasets\.b\.weight = 0\.001 is 0\.1 of 100 samples per epoch"
    with pytest.raises(ConfigError, match=text):
        numbers_by_weight({"a": 1, "b": 0.001}, {"a": 100, "b": 100}, None)
