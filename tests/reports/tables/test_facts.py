"""What is kept of rows: each file is read once, whatever tables and figures ask of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.predictions import read_rows
from llavaction.evaluation.same_questions import QUESTION_FIELDS
from llavaction.reports.collect import collect
from llavaction.reports.config import ReportConfig
from llavaction.reports.figures.config import FigureConfig, FigureKind
from llavaction.reports.figures.draw import extracts_of
from llavaction.reports.tables import facts
from llavaction.reports.tables.config import ColumnConfig, RowConfig, TableConfig
from llavaction.reports.tables.facts import _print, read_facts
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.utils.errors import DataError
from tests.evaluation.rows import choice, heads
from tests.reports.evaluations import write_run

ROWS = [choice(number, number % 2, scores=(-1.0, -2.0, -3.0, -4.0, -5.0)) for number in range(6)]


def test_each_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(facts, "read_rows", lambda path: read.append(path) or read_rows(path))
    folder = str(write_run(tmp_path / "run", {"mqa": ROWS}))
    columns = {metric: ColumnConfig("mqa", metric) for metric in ("accuracy", "num_questions", "chance")}
    tables = {name: TableConfig("T", columns, {"r": RowConfig(run=folder)}) for name in ("one", "two")}
    figure = FigureConfig(FigureKind.RELIABILITY, "F", task="mqa", runs={"a": folder, "b": folder})
    config = ReportConfig(tables=tables, figures={"f": figure})
    found = collect(config, None, extracts_of(config))

    assert read == [tmp_path / "run" / "rows" / "mqa.jsonl"]
    assert [cell.value for cell in found.tables["two"].rows["r"]] == [0.5, 6, pytest.approx(0.2)]
    assert set(found.extracts["f"]) == {"a", "b"}


@given(st.permutations(ROWS))
def test_questions_are_the_same_in_any_order(rows: list) -> None:  # type: ignore[type-arg]
    assert _print(rows, QUESTION_FIELDS) == _print(ROWS, QUESTION_FIELDS)


@pytest.mark.parametrize(
    "change",
    [
        {"sample_id": "x"},
        {"segment_id": "P09_01_0"},
        {"truth": (0, 0, 0)},
        {"options": ("a",)},
        {"option_actions": (1,)},
        {"answer_idx": 3},
        {"question_sha256": "f" * 16},
    ],
)
def test_other_questions_are_told_apart(change: dict[str, object]) -> None:
    rows = [*ROWS[:-1], replace(ROWS[-1], **change)]  # type: ignore[arg-type]

    assert _print(rows, QUESTION_FIELDS) != _print(ROWS, QUESTION_FIELDS)
    answered = [*ROWS[:-1], replace(ROWS[-1], chosen_idx=4, scores=(), raw="D", seconds={"load": 1.0})]
    assert _print(answered, QUESTION_FIELDS) == _print(ROWS, QUESTION_FIELDS)


def test_options_of_different_numbers_are_no_number(tmp_path: Path) -> None:
    run = EvaluationFolder(write_run(tmp_path / "run", {"mqa": [*ROWS, choice(9, 0, num_options=3)], "head": []}))

    assert read_facts(run, "mqa", [], None, {}).num_options is None
    with pytest.raises(DataError, match=r"rows/head\.jsonl: no rows"):
        read_facts(run, "head", [], None, {})


def test_rows_of_several_kinds_are_refused_by_name(tmp_path: Path) -> None:
    run = EvaluationFolder(write_run(tmp_path / "run", {"mqa": [*ROWS, heads(9, 1, 2, 3)]}))

    with pytest.raises(DataError, match=r"rows/mqa\.jsonl: row 'q/9' is of kind action_head"):
        read_facts(run, "mqa", ["accuracy"], None, {})
