"""Run folders to a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from llavaction.reports.collect import Cell, Table, collect_table
from llavaction.reports.config import ReportConfig
from llavaction.utils.errors import ConfigError, DataError
from tests.evaluation.rows import choice, heads

RIGHT, WRONG = choice(0, 0), choice(0, 1)
COLUMNS = {"MQA": "mqa.accuracy", "verb": "head.verb"}


def test_a_task_that_a_run_lacks_is_an_empty_cell(run_folder: Callable[..., str]) -> None:
    rows = {
        "plain": run_folder("plain", mqa=[RIGHT, choice(1, 2)]),
        "with head": run_folder("head", mqa=[RIGHT, choice(1, 0)], head=[heads(0, 1, 2, 3)]),
    }

    assert collect_table(ReportConfig(title="T", rows=rows, columns=COLUMNS)) == Table(
        "T",
        ("MQA", "verb"),
        {"plain": (Cell(0.5, 2), Cell(None, 0)), "with head": (Cell(1.0, 2), Cell(1.0, 1))},
    )


def test_counts_are_told_from_shares(run_folder: Callable[..., str]) -> None:
    rows = {"run": run_folder("run", mqa=[RIGHT, choice(1, None)])}
    table = collect_table(ReportConfig(rows=rows, columns={"lost": "mqa.num_unparseable"}))

    assert table.rows["run"] == (Cell(1, 2, is_share=False),)


def test_cells_of_a_column_are_over_the_same_questions(run_folder: Callable[..., str]) -> None:
    rows = {
        "first": run_folder("first", mqa=[choice(0, 0), choice(1, 0)]),
        "second": run_folder("second", mqa=[choice(0, 0), choice(2, 0), choice(3, 0)]),
    }

    with pytest.raises(DataError, match="answers 3 questions, 'first' answered 2 and 3 differ") as caught:
        collect_table(ReportConfig(rows=rows, columns=COLUMNS))
    assert rows["second"] in str(caught.value)


def test_other_tasks_may_have_other_questions(run_folder: Callable[..., str]) -> None:
    rows = {"run": run_folder("run", mqa=[RIGHT], head=[replace(heads(9, 1, 2, 3), sample_id="direct/9")])}

    assert collect_table(ReportConfig(rows=rows, columns=COLUMNS)).rows["run"] == (Cell(1.0, 1), Cell(1.0, 1))


def test_an_unknown_metric_comes_with_the_nearest(run_folder: Callable[..., str]) -> None:
    rows = {"run": run_folder("run", mqa=[WRONG])}

    with pytest.raises(ConfigError) as caught:
        collect_table(ReportConfig(rows=rows, columns={"MQA": "mqa.acuracy"}))
    assert str(caught.value) == (
        "report column 'mqa.acuracy': no such metric; did you mean 'accuracy'? "
        "(has num_questions, accuracy, chance, num_unparseable)"
    )


def test_a_folder_without_rows_is_named_with_the_remedy(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = str(tmp_path_factory.mktemp("empty"))

    with pytest.raises(DataError, match=r"no rows of an evaluation in it; run `llavaction evaluate output=") as caught:
        collect_table(ReportConfig(rows={"run": folder}, columns=COLUMNS))
    assert str(caught.value).startswith(folder)
