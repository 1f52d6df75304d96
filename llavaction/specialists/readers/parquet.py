"""Parquet: what `save_predictions` writes, or a long table of any origin with the columns of the CSV format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.predictions import TopKPredictions, from_saved_table, is_saved_table
from llavaction.specialists.readers.long_rows import ACTION, RANK, SCORE, SEGMENT, LongRows, check_columns, rank_rows
from llavaction.utils.errors import DataError


def read(path: Path, content: Any, table: SegmentTable, vocabulary: Vocabulary) -> TopKPredictions:
    """Predictions of an Arrow table.

    Raises:
        DataError: when it has neither layout, or a column has nulls or another type.
    """
    if is_saved_table(content):
        return from_saved_table(path, content, vocabulary)
    check_columns(str(path), content.column_names)
    rows = LongRows(
        segment_ids=_texts(path, content, SEGMENT),
        actions=_texts(path, content, ACTION),
        ranks=_numbers(path, content, RANK, "iu"),
        scores=_numbers(path, content, SCORE, "fiu"),
    )
    return rank_rows(str(path), rows, vocabulary)


def _texts(path: Path, content: Any, name: str) -> list[str]:
    values: list[Any] = content.column(name).to_pylist()
    odd = [row for row, value in enumerate(values) if not isinstance(value, str)]
    if odd:
        raise DataError(f"{path}: column {name!r} holds {values[odd[0]]!r} in row {odd[0] + 1}; expected text")
    return values


def _numbers(path: Path, content: Any, name: str, kinds: str) -> np.ndarray | None:
    """A column as an array whose type is one of `kinds`; None when there is no such column."""
    if name not in content.column_names:
        return None
    column = content.column(name)
    values = np.asarray(column.to_numpy())
    if column.null_count or values.dtype.kind not in kinds:
        expected = "numbers" if "f" in kinds else "whole numbers"
        raise DataError(
            f"{path}: column {name!r} is of type {column.type} with {column.null_count} nulls; expected {expected}"
        )
    return values
