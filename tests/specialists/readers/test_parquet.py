"""Parquet: our own files, and long tables of any origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llavaction.annotations.segments import SegmentTable
from llavaction.specialists.predictions import save_predictions
from llavaction.specialists.readers import read_predictions
from llavaction.utils.errors import DataError
from tests.specialists.test_predictions import VOCABULARY, predictions_of, table_of


@pytest.fixture
def table() -> SegmentTable:
    return table_of(a="0:1", b="1:3", c="10:2")


def test_saved_predictions_are_read(tmp_path: Path, table: SegmentTable) -> None:
    saved = predictions_of({"c": [0, 1], "a": [2, 3], "b": [4, 0]})
    save_predictions(saved, VOCABULARY, tmp_path / "mined.parquet")
    predictions = read_predictions(tmp_path / "mined.parquet", table, VOCABULARY)
    assert predictions.ranked("a") == [2, 3]


def test_saved_predictions_must_cover_the_split(tmp_path: Path, table: SegmentTable) -> None:
    save_predictions(predictions_of({"a": [0], "c": [0]}), VOCABULARY, tmp_path / "mined.parquet")
    with pytest.raises(DataError, match=r"mined\.parquet: 1 of the 3 segments"):
        read_predictions(tmp_path / "mined.parquet", table, VOCABULARY)


def test_rows_are_put_in_the_order_of_the_split(tmp_path: Path, table: SegmentTable) -> None:
    save_predictions(predictions_of({"c": [0, 1], "a": [2, 3], "b": [4, 0]}), VOCABULARY, tmp_path / "mined.parquet")

    found = read_predictions(tmp_path / "mined.parquet", table, VOCABULARY)

    assert found.segment_ids == ("a", "b", "c")
    assert found.action_ids.tolist() == [[2, 3], [4, 0], [0, 1]]


COLUMNS: dict[str, list[Any]] = {
    "segment_id": ["c", "a", "b", "b", "a", "c"],
    "action": ["0:0", "0:1", "2:0", "1:3", "0:0", "0:1"],
    "rank": [1, 2, 1, 2, 1, 2],
}


def write(tmp_path: Path, **columns: list[Any] | None) -> Path:
    content = {name: values for name, values in {**COLUMNS, **columns}.items() if values is not None}
    pq.write_table(pa.table(content), tmp_path / "long.parquet")
    return tmp_path / "long.parquet"


def test_a_long_table_is_read(tmp_path: Path, table: SegmentTable) -> None:
    found = read_predictions(write(tmp_path), table, VOCABULARY)

    assert found.action_ids.tolist() == [[0, 1], [4, 3], [0, 1]]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"rank": None}, r"needs the columns segment_id, action .* and rank .* or score; has segment_id, action"),
        ({"rank": [1, 2, 1, None, 1, 2]}, r"column 'rank' is of type int64 with 1 nulls; expected whole numbers"),
        ({"rank": [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]}, r"column 'rank' is of type double .* expected whole numbers"),
        ({"score": ["x"] * 6}, r"column 'score' is of type string with 0 nulls; expected numbers"),
        ({"action": ["0:0", "0:1", None, "1:3", "0:0", "0:1"]}, r"column 'action' holds None in row 3"),
        ({"segment_id": [1, 2, 3, 3, 2, 1]}, r"column 'segment_id' holds 1 in row 1; expected text"),
    ],
)
def test_defects_of_a_long_table(
    tmp_path: Path, table: SegmentTable, columns: dict[str, list[Any] | None], problem: str
) -> None:
    with pytest.raises(DataError, match=r"long\.parquet: " + problem):
        read_predictions(write(tmp_path, **columns), table, VOCABULARY)
