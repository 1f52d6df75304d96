"""Two runs side by side: McNemar's test against tables, and the paired interval against what it must be."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.outcomes import task_estimates
from llavaction.evaluation.paired import RightWrong, compare_answers, mcnemar_p
from llavaction.evaluation.predictions import Row, Trial
from llavaction.utils.errors import ConfigError, DataError
from tests.evaluation.rows import choice, row
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
    comparison = compare_answers(first, second[::-1])

    assert comparison.right_wrong == RightWrong(1, 2, 1, 3, p_value=1)
    assert comparison.num_questions == 7
    assert (comparison.first.value, comparison.second.value) == (3 / 7, 2 / 7)
    assert comparison.difference.value == pytest.approx(-1 / 7)


def test_a_run_does_not_differ_from_itself() -> None:
    rows = run_of([True, False] * 20)
    comparison = compare_answers(rows, rows)

    assert (comparison.difference.value, comparison.difference.low, comparison.difference.high) == (0, None, None)
    assert comparison.right_wrong == RightWrong(20, 0, 0, 20, p_value=1)


@reproducible
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=25))
def test_turning_the_runs_round_turns_the_difference_round(rights: list[tuple[bool, bool]]) -> None:
    first, second = (run_of([pair[place] for pair in rights], per_video=3) for place in (0, 1))
    there, back = compare_answers(first, second), compare_answers(second, first)

    assert there.difference.value == -back.difference.value
    assert there.right_wrong is not None and back.right_wrong is not None
    assert there.right_wrong.p_value == back.right_wrong.p_value
    alone = [task_estimates(rows)["accuracy"] for rows in (first, second)]
    assert [there.first, there.second] == alone
    assert there.difference.value == pytest.approx(alone[1].value - alone[0].value)


def test_pairing_sees_what_separate_intervals_hide() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(600) < 0.5
    second = first | (rng.random(600) < 0.1)
    comparison = compare_answers(run_of(first.tolist(), 6), run_of(second.tolist(), 6))
    alone = [task_estimates(run_of(rights.tolist(), 6))["accuracy"] for rights in (first, second)]

    assert alone[0].high is not None and alone[1].low is not None and comparison.difference.low is not None
    assert alone[0].high > alone[1].low
    assert comparison.difference.low > 0
    assert comparison.right_wrong is not None and comparison.right_wrong.p_value < 1e-6


def spans(stops: list[float]) -> list[Row]:
    """Questions whose action lasts from 0 to 2 s, a video each; the answer ends at `stops`."""
    rows = [row(TaskName.TEMPORAL_DETECTION, number, target=(0.0, 2.0)) for number in range(len(stops))]
    return [
        replace(item, span=(0.0, stop), segment_id=f"P01_{number:02}_0")
        for number, (item, stop) in enumerate(zip(rows, stops))
    ]


def test_shares_have_a_difference_with_its_interval_and_no_test() -> None:
    first, second = spans([1.0, 0.5, 1.0, 2.0]), spans([2.0, 1.5, 1.0, 1.5])
    overlap = compare_answers(first, second, "mean_iou")

    # Overlaps are 1/2, 1/4, 1/2, 1 and 1, 3/4, 1/2, 3/4.
    assert (overlap.first.value, overlap.second.value, overlap.difference.value) == (0.5625, 0.75, 0.1875)
    assert overlap.difference.low is not None and overlap.difference.high is not None
    assert -0.25 <= overlap.difference.low < 0.1875 < overlap.difference.high <= 0.5
    assert (overlap.right_wrong, overlap.num_questions) == (None, 4)
    found = compare_answers(first, second, "r1_iou_0.7").right_wrong
    assert found is not None and (found.num_both, found.num_second_only, found.num_neither) == (1, 2, 1)


def test_a_metric_that_one_of_them_counts_in_shares_has_no_test() -> None:
    # The same questions, shown in both orders by the second run.
    first = [choice(number, 0, num_options=2) for number in range(2)]
    trials = [(Trial((0, 1), chosen_idx=0), Trial((1, 0), chosen_idx=idx)) for idx in (0, 1)]
    second = [replace(item, trials=both) for item, both in zip(first, trials)]
    comparison = compare_answers(first, second)

    assert (comparison.second.value, comparison.difference.value, comparison.right_wrong) == (0.75, -0.25, None)


def test_other_questions_or_metrics_are_refused() -> None:
    with pytest.raises(ConfigError, match="no metric 'verb'"):
        compare_answers(run_of([True]), run_of([True]), "verb")


def test_questions_without_an_answer_of_both_are_counted_and_left_out() -> None:
    first, second = run_of([True, False, True, True]), run_of([True, True, False, True])
    second[3] = replace(second[3], chosen_idx=None, excluded="broken")
    first[0] = replace(first[0], chosen_idx=None, excluded="broken")
    comparison = compare_answers(first, second)

    assert (comparison.num_excluded, comparison.num_questions) == (2, 2)
    assert comparison.right_wrong == RightWrong(0, 1, 1, 0, p_value=1)
    gone = [replace(row, excluded="broken") for row in first]
    with pytest.raises(DataError, match="none of the 4 questions has an answer of both"):
        compare_answers(first, gone)
