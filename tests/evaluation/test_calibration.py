"""Calibration error and Brier score against hand-computed ones and known extremes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.calibration import calibrate, option_probabilities
from llavaction.evaluation.predictions import Row
from llavaction.utils.errors import DataError
from tests.evaluation.rows import choice, heads
from tests.properties import reproducible


def sure(number: int, probability: float, right: bool) -> Row:
    """Two options, the first chosen with some probability."""
    scores = (math.log(probability) - 3, math.log(1 - probability) - 3)
    row = choice(number, 0, answer_idx=0 if right else 1, num_options=2, scores=scores)
    return replace(row, segment_id=f"P01_{number:03}_0")


def test_by_hand() -> None:
    rows = [sure(0, 0.9, True), sure(1, 0.95, False), sure(2, 0.6, True)]
    found = calibrate(rows, num_bins=10)

    # (0.5, 0.6]: one right of one; (0.8, 0.9]: one of one; (0.9, 1]: none of one.
    assert [(entry.low, entry.high) for entry in found.bins] == [
        pytest.approx(ends) for ends in ((0.5, 0.6), (0.8, 0.9), (0.9, 1.0))
    ]
    assert [entry.accuracy.value for entry in found.bins] == [1, 1, 0]
    assert [entry.confidence for entry in found.bins] == pytest.approx([0.6, 0.9, 0.95])
    assert found.ece == pytest.approx((0.4 + 0.1 + 0.95) / 3)
    assert found.brier.value == pytest.approx(2 * (0.1**2 + 0.95**2 + 0.4**2) / 3)

    coarse = calibrate(rows, num_bins=2)
    assert len(coarse.bins) == 1
    assert coarse.ece == pytest.approx(abs(2 / 3 - (0.9 + 0.95 + 0.6) / 3))


def test_equal_scores_are_the_confidence_of_chance() -> None:
    rows = [choice(number, 0, answer_idx=number % 5, scores=(-7.0,) * 5) for number in range(20)]
    found = calibrate(rows)

    assert found.ece == pytest.approx(0)
    assert found.brier.value == pytest.approx(4 / 5)


@pytest.mark.parametrize(("right", "ece", "brier"), [(True, 0, 0), (False, 1, 2)])
def test_a_certain_model(right: bool, ece: float, brier: float) -> None:
    answer_idx = 0 if right else 1
    found = calibrate([choice(n, 0, answer_idx=answer_idx, scores=(0.0, *(-800.0,) * 4)) for n in range(9)])

    assert (found.ece, found.brier.value) == (ece, brier)


@reproducible
@given(st.lists(st.tuples(st.floats(0.5, 0.999), st.booleans()), min_size=1, max_size=12), st.integers(1, 8))
def test_bins_hold_every_question_and_bound_the_error(answers: list[tuple[float, bool]], num_bins: int) -> None:
    rows = [sure(number, *answer) for number, answer in enumerate(answers)]
    found = calibrate(rows, num_bins=num_bins)

    assert sum(entry.accuracy.num_rows for entry in found.bins) == len(rows)
    for entry in found.bins:
        assert entry.low - 1e-12 <= entry.confidence <= entry.high + 1e-12
    # By the triangle inequality bins can only hide distances.
    accuracy, confidence = np.mean([right for _, right in answers]), np.mean([p for p, _ in answers])
    assert abs(accuracy - confidence) - 1e-9 <= found.ece <= 1
    assert 0 <= found.brier.value <= 2
    turned = calibrate(rows[::-1], num_bins=num_bins)
    assert turned.ece == pytest.approx(found.ece)
    assert turned.brier == found.brier


def test_a_calibrated_model_has_a_small_error() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.uniform(0.5, 0.99, size=600)
    rows = [sure(n, float(p), bool(rng.random() < p)) for n, p in enumerate(confidences)]

    assert calibrate(rows).ece < 0.06


def test_probabilities_are_the_softmax() -> None:
    row = choice(0, 1, scores=tuple(math.log(p) - 900 for p in (0.1, 0.4, 0.2, 0.2, 0.1)))

    assert option_probabilities(row) == pytest.approx([0.1, 0.4, 0.2, 0.2, 0.1])


@pytest.mark.parametrize(
    "row",
    [choice(0, 1, raw="B"), choice(0, None), choice(0, 1, scores=(0.0,)), choice(0, 1, scores=(math.nan,) * 5)],
)
def test_answers_without_likelihoods_have_no_confidence(row: Row) -> None:
    with pytest.raises(DataError, match=r"row 'q/0': \d scores for 5 options; only questions answered by likelihood"):
        calibrate([row])


def test_other_tasks_have_no_options() -> None:
    with pytest.raises(DataError, match="of kind action_head; calibration needs scored options"):
        calibrate([heads(0, 1, 2, 3)])
