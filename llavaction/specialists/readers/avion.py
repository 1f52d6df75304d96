"""AVION's pickle: ``{"logits": [N, C], "probs": [N, C], "targets": [N]}`` in the row order of the split's CSV.

It names no segments. Its class index is the rank of ``"verb:noun"`` in the text-sorted set over the training and the
validation CSV together, which is the vocabulary's action id. For a model of one fold that holds as well, as AVION
numbers the classes by the two original CSVs in its own data folder, not by the files it trains on: leave those two
as they were published. `probs` is the softmax of `logits` and not needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.class_ids import true_action_ids
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.ranking import rank_scores
from llavaction.utils.errors import DataError


def fits(content: Any) -> bool:
    """Whether a pickle is AVION's."""
    return isinstance(content, dict) and "logits" in content


def read(path: Path, content: Any, table: SegmentTable, vocabulary: Vocabulary) -> TopKPredictions:
    """Predictions of the pickle's content.

    Raises:
        DataError: when it has another number of rows or classes than the annotations, or other targets (with counts).
    """
    if not fits(content):
        raise DataError(f"{path}: no 'logits' in it; AVION's pickle is a dict with 'logits' and 'targets'")
    if content.get("targets") is not None:
        _check_targets(path, content["targets"], table, vocabulary)
    segment_ids = [segment.segment_id for segment in table]
    return rank_scores(str(path), segment_ids, content["logits"], vocabulary.num_actions, "logits")


def _check_targets(path: Path, targets: Any, table: SegmentTable, vocabulary: Vocabulary) -> None:
    found = np.asarray(targets)
    if found.shape != (len(table),) or found.dtype.kind not in "iu":
        raise DataError(
            f"{path}: 'targets' has shape {found.shape} and type {found.dtype}; expected {len(table)} whole numbers, "
            f"one for each row of {table.source}"
        )
    truth = true_action_ids(table, vocabulary)
    wrong = np.flatnonzero(found != truth)
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{path}: {len(wrong)} of {len(table)} targets disagree with {table.source} (first: row {row}, class "
            f"{found[row]}, annotated {truth[row]} = {vocabulary.action_keys[truth[row]]!r}); the predictions belong "
            "to another file or row order, or their classes are numbered by other CSVs"
        )
