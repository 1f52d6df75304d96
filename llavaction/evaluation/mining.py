"""Rows that rank action classes as ranked predictions, so that our own model can be one more specialist. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from llavaction.evaluation.config import RANKINGS, TaskName
from llavaction.evaluation.predictions import Row, read_rows
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import DataError

SCORED = (TaskName.ALL_CLASSES, TaskName.ACTION_HEAD)
"""Tasks that score every action by its log-likelihood; those of written answers are similarities of texts."""


def mined_predictions(path: Path) -> TopKPredictions:
    """The actions that a model ranked for each segment out of all there are.

    Args:
        path: JSONL rows of a task that ranks all action classes: `action_head`, `all_classes` or `direct`.

    Raises:
        DataError: when rows are of another kind, or as in `ranked_predictions`.
    """
    rows = read_rows(path)
    for row in rows:
        if row.options:
            raise DataError(
                f"{path}: row {row.sample_id!r} of task {row.task!r} ranks no actions of its own, but the candidates "
                "that it was shown; only rows of a task of kind action_head, all_classes or direct do"
            )
    return ranked_predictions(str(path), rows)


def scored_predictions(path: Path) -> TopKPredictions:
    """The actions that a model ranked by their log-likelihoods, such as a submission to the challenge is made of.

    Args:
        path: JSONL rows of a task of kind `all_classes` or `action_head`.

    Raises:
        DataError: when rows are of another kind, or as in `ranked_predictions`.
    """
    rows = read_rows(path)
    for row in rows:
        if row.kind not in SCORED:
            raise DataError(
                f"{path}: row {row.sample_id!r} is of task {row.task!r} of kind {row.kind}, which does not score "
                f"actions by their log-likelihood; take a task of kind {' or '.join(SCORED)}"
            )
    return ranked_predictions(str(path), rows)


def ranked_predictions(source: str, rows: Sequence[Row]) -> TopKPredictions:
    """The ranked actions of rows; their scores where these are of actions, as a second stage's are of options.

    Raises:
        DataError: when rows are of another kind, rank no actions or different numbers, or two are about one segment.
    """
    for row in rows:
        if row.kind not in RANKINGS or not row.top_actions:
            why = f" ({row.excluded})" if row.excluded else ""
            raise DataError(
                f"{source}: row {row.sample_id!r} of task {row.task!r} ranks no actions of its own{why}; needed are "
                f"the rows of a task of kind {', '.join(RANKINGS)} with an answer to every question"
            )
        if not row.options and len(row.scores) != len(row.top_actions):
            raise DataError(
                f"{source}: row {row.sample_id!r} has {len(row.scores)} scores for {len(row.top_actions)} actions"
            )
    if len({len(row.top_actions) for row in rows}) > 1:
        raise DataError(f"{source}: rows rank different numbers of actions; evaluate again with one top_k")
    action_ids = np.array([row.top_actions for row in rows], np.int32)
    unscored = (np.nan,) * action_ids.shape[-1]
    scores = np.array([unscored if row.options else row.scores for row in rows], np.float32)
    return TopKPredictions(source, tuple(row.segment_id for row in rows), action_ids, scores)
