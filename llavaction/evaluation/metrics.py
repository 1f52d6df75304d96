"""Figures from rows alone. No torch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from llavaction.evaluation.caption_scores import can_score_captions
from llavaction.evaluation.config import CHOICES, TaskName
from llavaction.evaluation.outcomes import (
    answered_rows,
    is_in_many_orders,
    kind_of,
    outcomes_for,
    outcomes_of,
    shown_trials,
)
from llavaction.evaluation.predictions import Row
from llavaction.utils.errors import DataError

NO_CAPTION_SCORES = 'descriptions are scored with pycocoevalcap; pip install "llavaction[captions]"'

logger = logging.getLogger(__name__)


def task_metrics(rows: Sequence[Row]) -> dict[str, float]:
    """The metrics of one task's rows; shares between 0 and 1, counts start with `num_`.

    Questions without an answer are counted as `num_excluded`; the other figures are over the rest.

    Raises:
        DataError: when there are no rows, they are of several kinds, or none has an answer.
    """
    kind_of(rows)  # Raises where kinds are mixed, among questions without an answer too.
    answered = answered_rows(rows)
    counts: dict[str, float] = {"num_questions": len(answered)}
    if len(answered) < len(rows):
        counts["num_excluded"] = len(rows) - len(answered)
    metrics = computable_metrics(answered)
    if not metrics:
        logger.warning("the descriptions are saved, but not scored: %s", NO_CAPTION_SCORES)
        return counts
    shares = {metric: float(outcomes_of(answered, metric).mean()) for metric in metrics}
    return {**counts, **shares, **figures_beside(answered)}


def computable_metrics(rows: Sequence[Row]) -> list[str]:
    """The metrics of these rows; none of descriptions where the library that scores them is not installed.

    Raises:
        DataError: when there are no rows, or they are of several kinds.
    """
    is_unscored = kind_of(rows) is TaskName.CAPTION and not can_score_captions()
    return [] if is_unscored else list(outcomes_for(rows))


def figures_beside(rows: Sequence[Row]) -> dict[str, float]:
    """What stands beside the metrics of answered rows: chance, letter bias, and counts of what could not be read.

    Raises:
        DataError: when there are no rows, or they are of several kinds.
    """
    return _BESIDE.get(kind_of(rows), lambda rows: {})(rows)


def letter_shares(rows: Sequence[Row]) -> np.ndarray:
    """How often each letter was chosen, of all answers that could be read: `[K]`, where K options were shown.

    In all orders of a question each letter is right equally often, so that a model without a liking for letters
    chooses each in 1 / K of its answers.

    Raises:
        DataError: when the rows show different numbers of options, or no answer could be read.
    """
    sizes = {len(trial.order) for row in rows for trial in shown_trials(row)}
    if len(sizes) != 1:
        raise DataError(f"questions with {sorted(sizes)} options; letters compare where all have the same number")
    chosen = [trial.letter_idx for row in rows for trial in shown_trials(row)]
    counts = np.bincount([letter for letter in chosen if letter is not None], minlength=sizes.pop())
    if not counts.sum():
        raise DataError("no answer could be read")
    shares: np.ndarray = counts / counts.sum()
    return shares


def _beside_choices(rows: Sequence[Row]) -> dict[str, float]:
    trials = [trial for row in rows for trial in shown_trials(row)]
    figures = {
        "chance": sum(1 / len(trial.order) for trial in trials) / len(trials),
        "num_unparseable": sum(trial.chosen_idx is None for trial in trials),
    }
    if is_in_many_orders(rows) and figures["num_unparseable"] < len(trials):
        shares = letter_shares(rows)
        # Total variation distance from equal shares: 0 for none, (K - 1) / K for always the same letter.
        figures["letter_bias"] = float(np.abs(shares - 1 / len(shares)).sum() / 2)
    return figures


def _beside_texts(rows: Sequence[Row]) -> dict[str, float]:
    # Similarity 1 to a class is literally one of its narrations.
    return {"num_unknown": sum(not row.scores or row.scores[0] < 1 for row in rows)}


def _beside_spans(rows: Sequence[Row]) -> dict[str, float]:
    return {"num_unparseable": sum(row.span is None for row in rows)}


_BESIDE: dict[TaskName, Callable[[Sequence[Row]], dict[str, float]]] = {
    **dict.fromkeys(CHOICES, _beside_choices),
    TaskName.DIRECT: _beside_texts,
    TaskName.TEMPORAL_DETECTION: _beside_spans,
}
