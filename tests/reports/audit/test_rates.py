"""That questions, not distractors, are what is counted on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llavaction.reports.audit.rates import Rate, compute_rates, distractor_rate, question_rate
from llavaction.reports.audit.sheet import Verdict

V, A, U = Verdict.VALID, Verdict.ALSO_CORRECT, Verdict.UNCLEAR


def test_what_is_counted() -> None:
    judged = [[V, A, U, V], [V, V, V, V], [U, V, V, V], [A, A, None, V], [None] * 4]
    rates = compute_rates(judged, 0)

    assert rates.num_open == 5
    assert (rates.also_correct.count, rates.also_correct.total) == (3, 15)
    assert (rates.unclear.count, rates.unclear.total) == (2, 15)
    # The fourth is not judged to the end; the first has an unclear one too, but is counted once.
    assert (rates.questions_also_correct.count, rates.questions_also_correct.total) == (1, 3)
    assert (rates.questions_unclear.count, rates.questions_unclear.total) == (1, 3)
    assert rates.also_correct.share == 0.2


def test_verdicts_that_go_together_count_as_one() -> None:
    together = distractor_rate([[A] * 4] * 10 + [[V] * 4] * 90, A, 0)
    apart = distractor_rate([[A, V, V, V]] * 40 + [[V] * 4] * 60, A, 0)
    alone = distractor_rate([[A]] * 40 + [[V]] * 360, A, 0)

    assert together.share == apart.share == alone.share == 0.1
    # Resampled wholes are Binomial(100, 0.1) / 100, whose 2.5 % and 97.5 % points are these.
    assert (together.low, together.high) == pytest.approx((0.05, 0.16), abs=1e-9)
    widths = [rate.high - rate.low for rate in (together, alone, apart) if rate.low is not None and rate.high]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize(("verdict", "ends"), [(A, (0.0, 0.037)), (V, (0.963, 1.0))])
def test_none_and_all_are_not_certain(verdict: Verdict, ends: tuple[float, float]) -> None:
    rate = distractor_rate([[V] * 4] * 100, verdict, 0)

    assert (rate.low, rate.high) == pytest.approx(ends, abs=5e-4)


def test_nothing_judged_gives_no_share() -> None:
    rates = compute_rates([[None, None]], 0)

    assert rates.also_correct == rates.questions_also_correct == Rate(0, 0, None, None)
    assert rates.also_correct.share is None
    assert question_rate(0, 0).share is None


def test_the_interval_depends_on_the_seed_alone() -> None:
    judged = [[A, V, V]] * 7 + [[V, V, U]] * 30

    assert compute_rates(judged, 3) == compute_rates(judged, 3)
    first, second = distractor_rate(judged, A, 3), distractor_rate(judged, A, 4)
    assert first.low is not None and second.low is not None
    assert math.isclose(first.low, second.low, abs_tol=0.01)


def test_questions_with_fewer_judged_distractors_weigh_less() -> None:
    rate = distractor_rate([[A, None, None, None], [V, V, V, V], [V, V, V, A]], A, 0)

    assert (rate.count, rate.total) == (2, 9)
    assert rate.low is not None and rate.high is not None
    assert 0 <= rate.low < 2 / 9 < rate.high <= 1


def test_the_bootstrap_is_as_wide_as_theory_says() -> None:
    # Ratio estimator: variance of the per-question residuals over the number of questions.
    rng = np.random.default_rng(1)
    counts = rng.binomial(4, rng.beta(1, 9, size=300))
    rate = distractor_rate([[A] * int(count) + [V] * (4 - int(count)) for count in counts], A, 0)

    assert rate.share is not None and rate.low is not None and rate.high is not None
    error = np.std(counts / 4 - rate.share) / math.sqrt(len(counts))
    assert rate.high - rate.low == pytest.approx(2 * 1.96 * error, rel=0.05)
