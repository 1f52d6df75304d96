"""Shares of verdicts with 95 % confidence intervals that know that distractors come in questions.

Distractors of one question are judged on the same clip by the same look at it, so their verdicts hang together, and an
interval that counts them as independent is too narrow. Shares of distractors therefore get a percentile interval from
a bootstrap over whole questions (Efron and Tibshirani 1993, chapters 8 and 13); shares of questions get the interval
of Wilson (1927). Resampling sees no spread where no distractor, or every one, has a verdict: there Wilson's interval
is taken with as many trials as questions, as if the verdicts of one question were all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.reports.audit.sheet import Verdict
from llavaction.utils.seeding import rng_for

NUM_RESAMPLES = 10_000
"""Bootstrap samples; the ends of an interval then vary by about a hundredth of its width from seed to seed."""
_Z = 1.959963984540054
"""The normal distribution's 97.5 % point."""

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
    if count in (0, total):
        return Rate(count, total, *wilson_interval(len(pairs) if count else 0, len(pairs)))
    # To draw questions is to draw how often each kind of question comes: the same odds, and no order to depend on.
    kinds, sizes = np.unique(pairs, axis=0, return_counts=True)
    times = rng_for(seed, "audit bootstrap", verdict).multinomial(len(pairs), sizes / len(pairs), size=NUM_RESAMPLES)
    drawn = times @ kinds
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return Rate(count, total, float(low), float(high))


def question_rate(count: int, total: int) -> Rate:
    """The share of questions, which are independent, with Wilson's interval."""
    return Rate(count, total, *wilson_interval(count, total)) if total else Rate(0, 0, None, None)


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % score interval for `count` of `total` independent trials; `total` is 1 or more."""
    share, weight = count / total, _Z**2 / total
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * math.sqrt(share * (1 - share) / total + weight / (4 * total)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)
