"""Two runs side by side: McNemar's test against tables, and the paired interval against what it must be."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.outcomes import task_estimates
from llavaction.evaluation.paired import compare_runs, mcnemar_p
from llavaction.evaluation.predictions import Row
from llavaction.utils.errors import ConfigError, DataError
from tests.evaluation.rows import choice
from tests.properties import reproducible


def run_of(rights: list[bool], per_video: int = 1) -> list[Row]:
    """One question per entry, right or wrong."""
    return [
        replace(choice(number, 0 if right else 1), segment_id=f"P01_{number // per_video:04}_{number}")
        for number, right in enumerate(rights)
    ]


@pytest.mark.parametrize(
    ("first", "second", "p_value"),
    # Two-sided sign test, as in printed tables of the binomial with p = 1/2.
    [
        (1, 9, 0.0215),
        (0, 6, 0.03125),
        (3, 12, 0.0352),
        (5, 15, 0.0414),
        (18, 7, 0.0433),
        (5, 5, 1),
        (0, 0, 1),
        (0, 1, 1),
    ],
)
def test_mcnemar_as_in_tables(first: int, second: int, p_value: float) -> None:
    assert mcnemar_p(first, second) == pytest.approx(p_value, abs=5e-5)


@reproducible
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_sum_of_binomials(first: int, second: int) -> None:
    number = first + second
    tail = sum(Fraction(math.comb(number, i), 2**number) for i in range(min(first, second) + 1))

    assert mcnemar_p(first, second) == mcnemar_p(second, first) == pytest.approx(float(min(Fraction(1), 2 * tail)))


def test_mcnemar_of_a_whole_split() -> None:
    # Normal approximation with continuity correction.
    z = (abs(4700 - 4968) - 1) / math.sqrt(9668)
    assert mcnemar_p(4700, 4968) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.01)
    assert mcnemar_p(0, 9668) == 0


def test_what_is_counted() -> None:
    first = run_of([True, True, True, False, False, False, False])
    second = run_of([True, False, False, True, False, False, False])
    comparison = compare_runs(first, second[::-1])

    assert (comparison.num_both, comparison.num_first_only, comparison.num_second_only) == (1, 2, 1)
    assert (comparison.num_neither, comparison.num_questions) == (3, 7)
    assert comparison.difference.value == pytest.approx(-1 / 7)
    assert comparison.p_value == 1


def test_a_run_does_not_differ_from_itself() -> None:
    rows = run_of([True, False] * 20)
    comparison = compare_runs(rows, rows)

    assert (comparison.difference.value, comparison.difference.low, comparison.difference.high) == (0, None, None)
    assert comparison.p_value == 1


@reproducible
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=25))
def test_turning_the_runs_round_turns_the_difference_round(rights: list[tuple[bool, bool]]) -> None:
    first, second = (run_of([pair[place] for pair in rights], per_video=3) for place in (0, 1))
    there, back = compare_runs(first, second), compare_runs(second, first)

    assert there.difference.value == -back.difference.value
    assert there.p_value == back.p_value
    shares = [task_estimates(rows)["accuracy"].value for rows in (first, second)]
    assert there.difference.value == pytest.approx(shares[1] - shares[0])


def test_pairing_sees_what_separate_intervals_hide() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(600) < 0.5
    second = first | (rng.random(600) < 0.1)
    comparison = compare_runs(run_of(first.tolist(), 6), run_of(second.tolist(), 6))
    alone = [task_estimates(run_of(rights.tolist(), 6))["accuracy"] for rights in (first, second)]

    assert alone[0].high is not None and alone[1].low is not None and comparison.difference.low is not None
    assert alone[0].high > alone[1].low
    assert comparison.difference.low > 0
    assert comparison.p_value < 1e-6


def test_other_questions_or_metrics_are_refused() -> None:
    with pytest.raises(ConfigError, match="no metric 'verb'"):
        compare_runs(run_of([True]), run_of([True]), "verb")


def test_questions_without_an_answer_of_both_are_counted_and_left_out() -> None:
    first, second = run_of([True, False, True, True]), run_of([True, True, False, True])
    second[3] = replace(second[3], chosen_idx=None, excluded="broken")
    first[0] = replace(first[0], chosen_idx=None, excluded="broken")
    comparison = compare_runs(first, second)

    assert (comparison.num_excluded, comparison.num_questions) == (2, 2)
    assert (comparison.num_first_only, comparison.num_second_only) == (1, 1)
    gone = [replace(row, excluded="broken") for row in first]
    with pytest.raises(DataError, match="none of the 4 questions has an answer of both"):
        compare_runs(first, gone)
