"""Rows of the action head as ranked predictions, so that our own model can be a source of distractors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import read_rows
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import DataError


def mined_predictions(path: Path) -> TopKPredictions:
    """The actions that the head ranked for each segment.

    Args:
        path: JSONL rows of a task of kind `action_head`.

    Raises:
        DataError: when rows are of another kind, rank no actions, or two are about one segment.
    """
    rows = read_rows(path)
    for row in rows:
        if row.kind is not TaskName.ACTION_HEAD or not row.top_actions:
            raise DataError(
                f"{path}: row {row.sample_id!r} of task {row.task!r} ranks no actions; only rows of a task of kind "
                "action_head do"
            )
    if len({len(row.top_actions) for row in rows}) > 1:
        raise DataError(f"{path}: rows rank different numbers of actions; evaluate again with one top_k")
    action_ids = np.array([row.top_actions for row in rows], np.int32)
    scores = np.array([row.scores for row in rows], np.float32)
    return TopKPredictions(str(path), tuple(row.segment_id for row in rows), action_ids, scores)
