"""Two runs on the same questions: is one better, or was it luck? No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.evaluation.intervals import Estimate, estimate_mean
from llavaction.evaluation.outcomes import outcomes_of, video_ids
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.same_questions import align_questions
from llavaction.utils.errors import ConfigError, DataError


@dataclass(frozen=True)
class Comparison:
    """How the second run differs from the first.

    Attributes:
        num_both, num_first_only, num_second_only, num_neither: questions by who is right.
        num_excluded: questions that at least one of them has no answer to, and that no figure is about.
        difference: of the shares right, second minus first, with a paired interval clustered by video: both runs are
            taken on the same draws of videos. Without ends where they are right on the same questions.
        p_value: of McNemar's exact test, see `mcnemar_p`.
    """

    metric: str
    num_both: int
    num_first_only: int
    num_second_only: int
    num_neither: int
    num_excluded: int
    difference: Estimate
    p_value: float

    @property
    def num_questions(self) -> int:
        return self.num_both + self.num_first_only + self.num_second_only + self.num_neither


def compare_runs(
    first: Sequence[Row],
    second: Sequence[Row],
    metric: str = "accuracy",
    *,
    names: tuple[str, str] = ("the first run", "the second run"),
    seed: int = 0,
) -> Comparison:
    """Compare two runs question by question.

    Args:
        first, second: rows in any order.
        metric: of the rows' task, see `OUTCOMES`.
        names: of the runs, for errors.

    Raises:
        ConfigError: when the task has no such metric, or it counts shares.
        DataError: when they did not answer the same questions.
    """
    pairs = zip(first, align_questions(first, second, names))
    answered = [(mine, other) for mine, other in pairs if mine.excluded is None and other.excluded is None]
    num_excluded = len(first) - len(answered)
    if not answered:
        raise DataError(f"{names[0]} and {names[1]}: none of the {len(first)} questions has an answer of both")
    first, second = [mine for mine, _ in answered], [other for _, other in answered]
    rights, others = outcomes_of(first, metric), outcomes_of(second, metric)
    if rights.dtype != bool or others.dtype != bool:
        raise ConfigError(
            f"metric {metric!r} of task {first[0].task!r} counts shares; McNemar's test needs right and wrong: choose "
            "another metric"
        )
    gains = others.astype(np.int64) - rights
    first_only, second_only = int((gains == -1).sum()), int((gains == 1).sum())
    return Comparison(
        metric=metric,
        num_both=int((rights & others).sum()),
        num_first_only=first_only,
        num_second_only=second_only,
        num_neither=int((~rights & ~others).sum()),
        num_excluded=num_excluded,
        difference=estimate_mean(gains, video_ids(first), seed, "difference", metric),
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
