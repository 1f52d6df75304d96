"""Predictions of any origin as CSV: columns `segment_id`, `action` (``verb:noun``), and `rank` (from 1) or `score`.

With both, the rank orders and the score is kept.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.tables import read_rows
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.readers.long_rows import ACTION, RANK, SCORE, SEGMENT, LongRows, check_columns, rank_rows
from llavaction.utils.errors import DataError


def load(path: Path) -> LongRows:
    """The file's columns.

    Raises:
        DataError: when one is missing, or a cell is empty or no number.
    """
    columns = _header(path)
    check_columns(str(path), columns)
    segment_ids: list[str] = []
    actions: list[str] = []
    ranks: list[int] = []
    scores: list[float] = []
    for row in read_rows(path, columns):
        segment_ids.append(row.text(SEGMENT))
        actions.append(row.text(ACTION))
        if RANK in columns:
            ranks.append(row.integer(RANK))
        if SCORE in columns:
            scores.append(row.parse(SCORE, float, "a number"))
    return LongRows(
        segment_ids,
        actions,
        ranks=np.array(ranks) if RANK in columns else None,
        scores=np.array(scores) if SCORE in columns else None,
    )


def read(path: Path, rows: LongRows, table: SegmentTable, vocabulary: Vocabulary) -> TopKPredictions:
    """Predictions of the file's columns; see `rank_rows` for what is refused."""
    return rank_rows(str(path), rows, vocabulary)


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), [])
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}); save it as UTF-8") from None
