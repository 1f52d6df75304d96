"""All tables as one CSV."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.reports.table import Cell, Table
from llavaction.reports.tidy import COLUMNS, to_csv
from tests.reports.test_render import NUMBERS, TABLE, WHOLE


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_line_for_each_cell() -> None:
    lines = read(to_csv({"first": TABLE, "second": WHOLE}))

    assert list(lines[0]) == list(COLUMNS)
    assert [(line["table"], line["row"], line["column"]) for line in lines] == [
        *(("first", row, column) for row in TABLE.rows for column in TABLE.columns),
        *(("second", row, column) for row in WHOLE.rows for column in WHOLE.columns),
    ]


def test_a_line_has_all_there_is() -> None:
    line = read(to_csv({"t": WHOLE}))[0]

    assert line == {
        "table": "t",
        "row": "+ token",
        "column": "MQA",
        "value": "73.12",
        "low": "70",
        "high": "76",
        "num_questions": "90",
        "num_videos": "6",
        "num_excluded": "3",
        "paper": "73.4",
        "run": "runs/a",
        "unit": "percent",
        "notes": "n",
    }


def test_an_empty_cell_has_no_numbers_but_the_papers() -> None:
    empty = read(to_csv({"t": WHOLE}))[1]

    assert [empty[name] for name in ("value", "low", "high", "num_questions", "num_videos")] == [""] * 5
    assert empty["paper"] == "50"


def test_counts_stay_counts() -> None:
    table = Table("T", ("lost",), {"r": (Cell(1_234_567, 2_000_000, is_share=False),)})
    line = read(to_csv({"t": table}))[0]

    assert (line["value"], line["unit"]) == ("1234567", "count")


def test_numbers_keep_their_digits() -> None:
    lines = read(to_csv({"t": NUMBERS}))

    assert [(line["value"], line["unit"]) for line in lines[:3]] == [
        *(("0.0774", "number"), ("3e-07", "number"), ("-1.1", "percent"))
    ]
    assert (lines[0]["low"], lines[2]["low"]) == ("0.0561", "-3.3")


@given(st.floats(0, 1), st.text(max_size=8), st.text(max_size=8))
def test_numbers_and_words_come_back(value: float, row: str, note: str) -> None:
    # Lines of a spreadsheet end in one way only.
    row, note = (text.replace("\r", "").replace("\0", "") for text in (row, note))
    line = read(to_csv({"t": Table("T", ("c",), {row: (Cell(value, 3, notes=(note,)),)})}))[0]

    assert float(line["value"]) == pytest.approx(100 * value, abs=1e-4)
    assert (line["row"], line["notes"]) == (row, note)
