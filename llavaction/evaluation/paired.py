"""Two runs on the same questions: is one better, or was it luck? No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.evaluation.intervals import Estimate, estimate_mean
from llavaction.evaluation.outcomes import outcomes_of, video_ids
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.same_questions import align_questions
from llavaction.utils.errors import DataError


@dataclass(frozen=True)
class RightWrong:
    """Questions by who is right.

    Attributes:
        p_value: of McNemar's exact test, see `mcnemar_p`.
    """

    num_both: int
    num_first_only: int
    num_second_only: int
    num_neither: int
    p_value: float


@dataclass(frozen=True)
class PairedComparison:
    """How the second run differs from the first, over the questions that both have an answer to.

    Attributes:
        first, second: the metric of each run.
        difference: second minus first, with a paired interval clustered by video: both runs are taken on the same draws
            of videos. Without ends where every draw gives the same difference, as where they are right on the same
            questions.
        num_excluded: questions that at least one of them has no answer to, and that no figure is about.
        right_wrong: None for a metric that counts shares, such as an overlap in time: there is no one right.
    """

    metric: str
    first: Estimate
    second: Estimate
    difference: Estimate
    num_excluded: int
    right_wrong: RightWrong | None

    @property
    def num_questions(self) -> int:
        return self.difference.num_rows


def compare_answers(
    first: Sequence[Row],
    second: Sequence[Row],
    metric: str = "accuracy",
    *,
    names: tuple[str, str] = ("the first run", "the second run"),
    seed: int = 0,
) -> PairedComparison:
    """Compare the answers of two runs question by question.

    Args:
        first, second: rows in any order.
        metric: of the rows' task, see `OUTCOMES`.
        names: of the runs, for errors.

    Raises:
        ConfigError: when the task has no such metric.
        DataError: when they did not answer the same questions.
    """
    pairs = zip(first, align_questions(first, second, names))
    answered = [pair for pair in pairs if all(row.excluded is None for row in pair)]
    num_excluded = len(first) - len(answered)
    if not answered:
        raise DataError(f"{names[0]} and {names[1]}: none of the {len(first)} questions has an answer of both")
    first, second = [mine for mine, _ in answered], [other for _, other in answered]
    mine, others = outcomes_of(first, metric), outcomes_of(second, metric)
    videos = video_ids(first)
    is_right_or_wrong = mine.dtype == others.dtype == bool
    return PairedComparison(
        metric=metric,
        first=estimate_mean(mine, videos, seed, "metric", metric),
        second=estimate_mean(others, videos, seed, "metric", metric),
        difference=estimate_mean(others.astype(float) - mine, videos, seed, "difference", metric),
        num_excluded=num_excluded,
        right_wrong=_count(mine, others) if is_right_or_wrong else None,
    )


def _count(first: np.ndarray, second: np.ndarray) -> RightWrong:
    """The 2 x 2 table of two bool arrays `[N]`, and its test."""
    first_only, second_only = int((first & ~second).sum()), int((~first & second).sum())
    return RightWrong(
        num_both=int((first & second).sum()),
        num_first_only=first_only,
        num_second_only=second_only,
        num_neither=int((~first & ~second).sum()),
        p_value=mcnemar_p(first_only, second_only),
    )


def mcnemar_p(num_first_only: int, num_second_only: int) -> float:
    """Two-sided p-value of McNemar's (1947) exact test.

    Were both runs equally good, each of the n questions that only one of them gets right would be a fair coin:
    p = min(1, 2 * sum over i = 0..min(b, c) of C(n, i) / 2^n, where b and c are the two counts and n = b + c.
    The coins are taken as independent; the interval of the difference is what knows that videos hang together.
    """
    number = num_first_only + num_second_only
    term = tail = 1
    for i in range(min(num_first_only, num_second_only)):
        term = term * (number - i) // (i + 1)
        tail += term
    # Whole numbers, as 2^n is beyond floats for n above 1,023.
    return min(1.0, 2 * tail / 2**number)
