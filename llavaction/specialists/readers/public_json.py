"""LLaVAction's public ranked predictions: ``{"<row>": {"predictions": ["verb:noun", ...], "target": "verb:noun"}}``.

Best first, without scores; `row` counts the data rows of the split's CSV from 0 (`avion_pred_ids_val.json`,
`tim_pred_ids_val.json`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.predictions import TopKPredictions
from llavaction.utils.errors import DataError


def read(path: Path, entries: Any, table: SegmentTable, vocabulary: Vocabulary) -> TopKPredictions:
    """Predictions of the file's JSON.

    Raises:
        DataError: when rows are missing or too many, targets disagree with the annotations (with counts), rows
            rank different numbers of actions, or an action occurs nowhere in the annotations.
    """
    if not isinstance(entries, dict):
        raise DataError(f"{path}: expected a JSON object with one entry for each row, found {type(entries).__name__}")
    if set(entries) != {str(row) for row in range(len(table))}:
        raise DataError(
            f"{path}: expected the keys '0' to '{len(table) - 1}', one for each row of {table.source}; "
            f"found {len(entries)} entries"
        )
    rows: list[list[int]] = []
    strangers: list[str] = []
    for number, segment in enumerate(table):
        entry = entries[str(number)]
        if not isinstance(entry, dict) or not isinstance(entry.get("predictions"), list):
            raise DataError(f"{path}: entry {number} has no list 'predictions'")
        if entry.get("target") != segment.action_key:
            strangers.append(f"{number}: {entry.get('target')!r}, annotated {segment.action_key!r}")
        try:
            rows.append([vocabulary.action_id_of_key(str(key)) for key in entry["predictions"]])
        except DataError as error:
            raise DataError(f"{path}: entry {number}: {error}") from None
    if strangers:
        raise DataError(
            f"{path}: {len(strangers)} of {len(table)} targets disagree with {table.source} (first: row "
            f"{strangers[0]}); the predictions belong to another file or row order"
        )
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise DataError(f"{path}: rows rank {sorted(lengths)} actions; all must rank the same number")
    action_ids = np.array(rows, np.int32)
    scores = np.full(action_ids.shape, np.nan, np.float32)
    return TopKPredictions(str(path), tuple(s.segment_id for s in table), action_ids, scores)
