from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llavaction.annotations.segments import SegmentTable
from llavaction.specialists.readers import read_predictions
from llavaction.utils.errors import DataError
from tests.specialists.test_predictions import VOCABULARY, table_of


@pytest.fixture
def table() -> SegmentTable:
    return table_of(a="0:1", b="1:3", c="10:2")


def public_rows() -> dict[str, Any]:
    return {
        "0": {"predictions": ["0:1", "2:0"], "target": "0:1"},
        "1": {"predictions": ["10:2", "1:3"], "target": "1:3"},
        "2": {"predictions": ["0:0", "0:1"], "target": "10:2"},
    }


def write_public(path: Path, rows: object) -> Path:
    path.write_text(json.dumps(rows))
    return path


def test_the_public_format_is_read_by_row_number(tmp_path: Path, table: SegmentTable) -> None:
    rows = public_rows()
    path = write_public(tmp_path / "tim_pred_ids_val.json", {key: rows[key] for key in ("2", "0", "1")})
    predictions = read_predictions(path, table, VOCABULARY)
    assert predictions.segment_ids == ("a", "b", "c")
    assert predictions.ranked("a") == [1, 4]
    assert predictions.ranked("b") == [2, 3]
    assert predictions.ranked("c") == [0, 1]
    assert predictions.source == str(path)
    assert np.isnan(predictions.scores).all()
    assert predictions.recall_at(table, VOCABULARY, 2) == pytest.approx(2 / 3)


def change(*changes: tuple[str, str, object]) -> dict[str, Any]:
    rows = public_rows()
    for row, key, value in changes:
        rows[row][key] = value
    return rows


DEFECTS: list[tuple[object, str]] = [
    ({key: row for key, row in public_rows().items() if key != "1"}, r"expected the keys '0' to '2'.*found 2 entries"),
    ({**public_rows(), "3": public_rows()["0"]}, r"expected the keys '0' to '2'.*found 4 entries"),
    ({"00" if key == "0" else key: row for key, row in public_rows().items()}, r"expected the keys '0' to '2'"),
    ([1, 2, 3], r"expected a JSON object .*found list"),
    (3, r"expected a JSON object .*found int"),
    (
        change(("1", "target", "0:1"), ("2", "target", None)),
        r"2 of 3 targets disagree with validation\.csv \(first: row 1: '0:1', annotated '1:3'\)",
    ),
    (change(("1", "predictions", ["0:0"])), r"rows rank \[1, 2\] actions"),
    (change(("1", "predictions", "1:3")), r"entry 1 has no list 'predictions'"),
    (change(("2", "predictions", None)), r"entry 2 has no list 'predictions'"),
    (change(("2", "predictions", ["0:0", "7:7"])), r"entry 2: action '7:7' is none of the 5"),
    (change(("2", "predictions", ["0:0", ["0:1"]])), r"entry 2: action .* is none of the 5"),
    (change(("2", "predictions", ["0:0", "0:0"])), r"1 rows name an action more than once \(first: 'c'\)"),
]


@pytest.mark.parametrize(("rows", "problem"), DEFECTS)
def test_defects_of_the_public_format(tmp_path: Path, table: SegmentTable, rows: object, problem: str) -> None:
    path = write_public(tmp_path / "tim.json", rows)
    with pytest.raises(DataError, match=r"tim\.json: " + problem):
        read_predictions(path, table, VOCABULARY)
