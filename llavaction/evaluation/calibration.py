"""Does a model know when it is right? For questions whose options were scored by likelihood. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.evaluation.config import CHOICES
from llavaction.evaluation.intervals import Estimate, estimate_mean
from llavaction.evaluation.outcomes import answered_rows, kind_of, video_ids
from llavaction.evaluation.predictions import Row
from llavaction.utils.errors import DataError

NUM_BINS = 15
"""As in Guo et al. 2017."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The questions whose confidence is above `low` and at most `high`; `confidence` is their mean."""

    low: float
    high: float
    confidence: float
    accuracy: Estimate


@dataclass(frozen=True)
class Calibration:
    """How far confidence and accuracy agree.

    Attributes:
        ece: expected calibration error (Guo et al. 2017): the mean, over questions, of the distance between accuracy
            and mean confidence in the question's bin. It has no interval: drawing questions again adds noise to every
            bin, which can only widen the distances, so that the draws would not lie around the value.
        brier: mean of the sum over options of (probability - truth)^2 with truth 1 for the answer and 0 for the others
            (Brier 1950); 0 is perfect, 2 the worst, (K - 1) / K what equal probabilities of K options give.
        bins: those of `num_bins` equal bins of confidence that have questions.
    """

    ece: float
    brier: Estimate
    bins: tuple[ReliabilityBin, ...]


def calibrate(rows: Sequence[Row], *, num_bins: int = NUM_BINS, seed: int = 0) -> Calibration:
    """Compare the confidence of choices, which is the probability of the chosen option, with their accuracy.

    Raises:
        DataError: when there are no rows, or one has no likelihoods of its options.
    """
    if kind_of(rows) not in CHOICES:
        raise DataError(f"task {rows[0].task!r} is of kind {rows[0].kind}; calibration needs scored options")
    rows = answered_rows(rows)
    probabilities = [option_probabilities(row) for row in rows]
    right = np.array([row.chosen_idx == row.answer_idx for row in rows])
    videos = np.array(video_ids(rows))
    confidences = np.array([values[row.chosen_idx] for row, values in zip(rows, probabilities)])
    losses = np.array([_squared_error(row, values) for row, values in zip(rows, probabilities)])
    edges = np.linspace(0, 1, num_bins + 1)
    numbers = np.searchsorted(edges[1:-1], confidences, side="left")
    bins = []
    for number in np.unique(numbers):
        inside = numbers == number
        accuracy = estimate_mean(right[inside], videos[inside].tolist(), seed, "reliability", num_bins, int(number))
        mean = float(confidences[inside].mean())
        bins.append(ReliabilityBin(float(edges[number]), float(edges[number + 1]), mean, accuracy))
    gaps = (entry.accuracy.num_rows * abs(entry.accuracy.value - entry.confidence) for entry in bins)
    brier = estimate_mean(losses, videos.tolist(), seed, "brier")
    return Calibration(sum(gaps) / len(rows), brier, tuple(bins))


def option_probabilities(row: Row) -> np.ndarray:
    """Probabilities `[K]` of a row's options: the softmax of their log-likelihoods.

    Raises:
        DataError: when the row has not a finite score for each option, or no choice.
    """
    scores = np.array(row.scores, np.float64)
    if row.chosen_idx is None or len(scores) != len(row.options) or not np.isfinite(scores).all():
        raise DataError(
            f"row {row.sample_id!r}: {len(scores)} scores for {len(row.options)} options; only questions answered by "
            "likelihood (mode option or letter) have a confidence"
        )
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def _squared_error(row: Row, probabilities: np.ndarray) -> float:
    truth = np.arange(len(probabilities)) == row.answer_idx
    return float(((probabilities - truth) ** 2).sum())
