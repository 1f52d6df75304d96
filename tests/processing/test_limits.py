"""Parts of a dataset."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.processing.limits import Limit
from llavaction.sft.samples import Role, Sample, Turn, View
from llavaction.utils.errors import ConfigError
from tests.properties import reproducible

TURNS = (Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "take cup"))
SAMPLES = [Sample(f"direct/{number}", View.DIRECT, str(number), None, TURNS) for number in range(40)]


def taken(limit: str, samples: list[Sample] = SAMPLES, dataset: str = "a", seed: int = 0) -> list[str]:
    return [sample.sample_id for sample in Limit.parse(limit).take(samples, dataset, seed)]


def ids(numbers: range) -> list[str]:
    return [SAMPLES[number].sample_id for number in numbers]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("first:3", range(3)),
        ("last:3", range(37, 40)),
        ("first:40", range(40)),
        ("random:100%", range(40)),
        ("last:10%", range(36, 40)),
        ("first:1.3%", range(1)),
        ("first:6.25%", range(3)),
    ],
)
def test_which_samples(limit: str, expected: range) -> None:
    assert taken(limit) == ids(expected)


@reproducible
@given(count=st.integers(1, 39), seed=st.integers(0, 3), order=st.randoms(use_true_random=False))
def test_random_ones_depend_on_seed_and_ids_alone(count: int, seed: int, order: random.Random) -> None:
    mixed = list(SAMPLES)
    order.shuffle(mixed)
    chosen = taken(f"random:{count}", mixed, seed=seed)

    assert len(chosen) == len(set(chosen)) == count
    assert sorted(chosen) == sorted(taken(f"random:{count}", seed=seed))
    assert set(chosen) < set(taken(f"random:{count + 1}", seed=seed))
    assert chosen == [sample.sample_id for sample in mixed if sample.sample_id in set(chosen)]


def test_random_ones_differ_between_seeds_and_datasets() -> None:
    assert len({tuple(taken("random:50%", dataset=name, seed=seed)) for name in "ab" for seed in (0, 1)}) == 4


@reproducible
@given(st.integers(1, 10**9), st.sampled_from(["first", "last", "random"]), st.booleans())
def test_a_limit_is_written_as_it_is_read(number: int, kind: str, is_percent: bool) -> None:
    text = f"{kind}:{number % 100 + 1 if is_percent else number}{'%' if is_percent else ''}"

    assert str(Limit.parse(text)) == text


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ("frist:10", r"'frist:10': must be first:N, last:N or random:N, .*did you mean 'first'\?"),
        ("10%", r"'10%': must be first:N, last:N or random:N"),
        ("first", "must be first:N"),
        ("first:", "must be first:N"),
        ("first:-3", "must be first:N"),
        ("random:ten", "must be first:N"),
        ("first:10%%", "must be first:N"),
        ("first:0", "whole number of samples, 1 or more"),
        ("first:0.5", "a share is written with %"),
        ("first:0%", "above 0 % and at most 100 %"),
        ("random:101%", "above 0 % and at most 100 %"),
    ],
)
def test_what_is_no_limit(limit: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Limit.parse(limit)


@pytest.mark.parametrize("kind", ["first", "last", "random"])
def test_more_than_there_are(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"{kind}:41 asks for 41 samples, but there are 40"):
        taken(f"{kind}:41")
    with pytest.raises(ConfigError, match=f"{kind}:1% of 40 samples is none"):
        taken(f"{kind}:1%")
