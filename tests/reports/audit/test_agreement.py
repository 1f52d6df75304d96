"""Kappas against worked examples."""

from __future__ import annotations

import pytest

from llavaction.reports.audit.agreement import Agreement, measure_agreement
from llavaction.reports.audit.sheet import Verdict

V, A, U = Verdict.VALID, Verdict.ALSO_CORRECT, Verdict.UNCLEAR


def test_two_raters() -> None:
    # 20 and 15 alike of 50: observed 0.7, by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
    agreement = measure_agreement([(V, V)] * 20 + [(V, A)] * 5 + [(A, V)] * 10 + [(A, A)] * 15)

    assert (agreement.num_raters, agreement.num_distractors, agreement.measure) == (2, 50, "Cohen's kappa")
    assert agreement.percent_alike == pytest.approx(0.7)
    assert agreement.kappa == pytest.approx(0.4)


def test_chance_of_two_raters_is_of_each_their_own() -> None:
    # Rater one says A in half the cases, rater two never: no agreement beyond chance by Cohen; below it by Fleiss.
    agreement = measure_agreement([(A, V), (V, V)] * 10)

    assert agreement.kappa == pytest.approx(0.0)


def test_more_raters() -> None:
    # Alike: 1, 1/3, 1, 1/3; frequencies 6, 3 and 3 of 12; so (2/3 - 3/8) / (5/8).
    agreement = measure_agreement([(V, V, V), (V, V, A), (U, U, U), (A, A, V)])

    assert agreement.measure == "Fleiss' kappa"
    assert agreement.percent_alike == pytest.approx(2 / 3)
    assert agreement.kappa == pytest.approx(7 / 15)


def test_only_what_all_judged_is_compared() -> None:
    both = [(V, V), (A, V), (U, U)]

    assert measure_agreement([*both, (None, A), (V, None), (None, None)]) == measure_agreement(both)


def test_full_agreement_in_one_word_tells_nothing() -> None:
    assert measure_agreement([(V, V)] * 9).kappa is None
    assert measure_agreement([(V, V)] * 9).percent_alike == 1
    assert measure_agreement([(V, V), (A, A)]).kappa == 1


def test_nothing_in_common() -> None:
    assert measure_agreement([(V, None), (None, A)]) == Agreement(2, 0, "Cohen's kappa", None, None)
