"""Rows on disk: everything comes back, and a wrong line is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row, read_rows
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import write_jsonl
from tests.evaluation.rows import choice, heads, text

ROWS = [
    choice(0, 1, scores=(-1.5, -0.25, -3.0, -4.0, -5.0)),
    choice(1, None, raw="“hm”\n"),
    text(2, "take plate", "take plate", None),
    heads(3, 1, 2, 3),
]


def written(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "rows.jsonl", (row.to_row() for row in ROWS))

    assert read_rows(tmp_path / "rows.jsonl") == ROWS


def test_a_row_is_plain_json() -> None:
    value = json.loads(json.dumps(ROWS[0].to_row()))

    assert value["kind"] == "mqa"
    assert Row.from_row(value) == ROWS[0]
    assert Row.from_row(value).kind is TaskName.MQA


def test_a_sample_answered_twice_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", *(ROWS[idx].to_row() for idx in (0, 1, 0)))

    with pytest.raises(DataError) as caught:
        read_rows(path)
    assert str(caught.value) == f"{path}:3: 'q/0' stands in the file twice"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kind": "mqq"}, "'mqq' is not a valid TaskName"),
        ({"scroes": []}, "unknown fields ['scroes']"),
        ({"truth": ...}, "'truth'"),
        ({"kind": ...}, "KeyError: 'kind'"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, change: dict[str, object], text: str) -> None:
    row = {key: value for key, value in (ROWS[1].to_row() | change).items() if value is not ...}
    path = written(tmp_path / "rows.jsonl", ROWS[0].to_row(), row)

    with pytest.raises(DataError) as caught:
        read_rows(path)
    assert str(caught.value).startswith(f"{path}:2: row 'q/1': ")
    assert text in str(caught.value)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", ROWS[0].to_row())
    path.write_text(path.read_text() + '{"task": "m')

    with pytest.raises(DataError, match=r"rows\.jsonl:2: not JSON"):
        read_rows(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: no such file"):
        read_rows(tmp_path / "none.jsonl")
