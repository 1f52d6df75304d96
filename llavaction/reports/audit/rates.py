"""Shares of verdicts with 95 % confidence intervals that know that distractors come in questions.

Distractors of one question are judged on the same clip by the same look at it, so their verdicts hang together, and an
interval that counts them as independent is too narrow. Shares of distractors therefore get an interval from a bootstrap
over whole questions, shares of questions that of Wilson; both are defined in `llavaction.evaluation.intervals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.evaluation.intervals import share_interval, wilson_interval
from llavaction.reports.audit.sheet import Verdict

NUM_RESAMPLES = 10_000
"""Bootstrap samples; the ends of an interval then vary by about a hundredth of its width from seed to seed."""

Judged = Sequence[Sequence[Verdict | None]]
"""The verdicts of each question's distractors; None where there is none."""


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval; share and interval are None where nothing was judged."""

    count: int
    total: int
    low: float | None
    high: float | None

    @property
    def share(self) -> float | None:
        """Between 0 and 1."""
        return self.count / self.total if self.total else None


@dataclass(frozen=True)
class Rates:
    """What some questions' verdicts come to. Shares are of everything judged: `also_correct` is at least so much, and
    at most with `unclear` added.

    Attributes:
        num_open: distractors without a verdict.
        also_correct, unclear: shares of the judged distractors.
        questions_also_correct: of the questions judged to the end, those with a distractor that is also correct.
        questions_unclear: those without one, but with an unclear one.
    """

    num_open: int
    also_correct: Rate
    unclear: Rate
    questions_also_correct: Rate
    questions_unclear: Rate


def compute_rates(judged: Judged, seed: int) -> Rates:
    """The shares of some questions; their order does not matter."""
    whole = [question for question in judged if None not in question]
    spoiled = sum(Verdict.ALSO_CORRECT in question for question in whole)
    doubtful = sum(Verdict.UNCLEAR in question and Verdict.ALSO_CORRECT not in question for question in whole)
    return Rates(
        num_open=sum(verdict is None for question in judged for verdict in question),
        also_correct=distractor_rate(judged, Verdict.ALSO_CORRECT, seed),
        unclear=distractor_rate(judged, Verdict.UNCLEAR, seed),
        questions_also_correct=question_rate(spoiled, len(whole)),
        questions_unclear=question_rate(doubtful, len(whole)),
    )


def distractor_rate(judged: Judged, verdict: Verdict, seed: int) -> Rate:
    """The share of distractors with a verdict, resampled by question."""
    counts = [(sum(word is verdict for word in words), sum(word is not None for word in words)) for words in judged]
    pairs = np.array([pair for pair in counts if pair[1]], dtype=np.int64).reshape(-1, 2)
    count, total = (int(number) for number in pairs.sum(0))
    if total == 0:
        return Rate(0, 0, None, None)
    low, high = share_interval(pairs[:, 0], pairs[:, 1], seed, "audit bootstrap", verdict, num_resamples=NUM_RESAMPLES)
    return Rate(count, total, low, high)


def question_rate(count: int, total: int) -> Rate:
    """The share of questions, which are independent, with Wilson's interval."""
    return Rate(count, total, *wilson_interval(count, total)) if total else Rate(0, 0, None, None)
