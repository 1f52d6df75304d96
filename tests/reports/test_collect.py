"""Run folders to tables."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llavaction.evaluation.outcomes import task_estimates
from llavaction.evaluation.predictions import Row, Trial
from llavaction.reports.collect import Cell, Table, collect
from llavaction.reports.config import ReportConfig
from llavaction.reports.tables.config import CellConfig, ColumnConfig, RowConfig, SameBy, Setting, TableConfig
from llavaction.reports.tables.fill import NO_ANNOTATIONS
from llavaction.reports.tables.run_state import UNFINISHED
from llavaction.utils.errors import ConfigError, DataError
from tests.evaluation.rows import choice, heads
from tests.reports.evaluations import write_run

RIGHT, WRONG = choice(0, 0), choice(0, 1)
COLUMNS = {"MQA": "mqa.accuracy", "verb": "head.verb"}


def simple(rows: dict[str, str], columns: dict[str, str] | None = None, **more: Any) -> Table:
    """The table of run folders by name."""
    return collect(ReportConfig(title="T", rows=rows, columns=columns or COLUMNS, **more)).tables["results"]


def table(rows: dict[str, Any], columns: dict[str, ColumnConfig] | None = None, **more: Any) -> Table:
    """A table with rows of one run each, unless a row is said whole."""
    columns = columns or {"MQA": ColumnConfig("mqa", "accuracy")}
    whole = {name: row if isinstance(row, RowConfig) else RowConfig(run=str(row)) for name, row in rows.items()}
    config = TableConfig("T", columns, whole, **more)
    return collect(ReportConfig(tables={"t": config})).tables["t"]


def in_videos(*chosen: int) -> list[Row]:
    """A question in a video of its own for each choice."""
    return [replace(choice(number, idx), segment_id=f"P01_{number:02}_0") for number, idx in enumerate(chosen)]


def test_every_figure_has_its_interval_and_what_it_rests_on(run_folder: Callable[..., str]) -> None:
    rows = in_videos(0, 0, 1, 0, 2)
    folder = run_folder("run", mqa=rows)
    expected = task_estimates(rows)["accuracy"]

    cell = simple({"run": folder}, {"MQA": "mqa.accuracy"}).rows["run"][0]

    assert cell == Cell(0.6, 5, low=expected.low, high=expected.high, num_videos=5, num_excluded=0, run=folder)
    assert cell.low is not None and cell.high is not None and cell.low < 0.6 < cell.high


def test_a_task_that_a_run_lacks_is_an_empty_cell(run_folder: Callable[..., str]) -> None:
    plain = run_folder("plain", mqa=[RIGHT, choice(1, 2)])
    head = run_folder("head", mqa=[RIGHT, choice(1, 0)], head=[heads(0, 1, 2, 3)])

    found = simple({"plain": plain, "with head": head})

    assert found.columns == ("MQA", "verb")
    assert [(cell.value, cell.num_questions) for cell in found.rows["plain"]] == [(0.5, 2), (None, 0)]
    assert [(cell.value, cell.num_questions) for cell in found.rows["with head"]] == [(1.0, 2), (1.0, 1)]
    assert found.footnotes() == {}


def test_counts_are_told_from_shares(run_folder: Callable[..., str]) -> None:
    folder = run_folder("run", mqa=[RIGHT, choice(1, None)])
    cell = simple({"run": folder}, {"lost": "mqa.num_unparseable"}).rows["run"][0]

    assert cell == Cell(1, 2, is_share=False, run=folder)


def test_a_cell_takes_what_it_does_not_say_from_its_row_and_then_its_column(tmp_path: Path) -> None:
    first = write_run(tmp_path / "first", {"a": [RIGHT], "b": [WRONG]})
    second = write_run(tmp_path / "second", {"a": [WRONG], "b": [RIGHT]})
    columns = {name: ColumnConfig("a", "accuracy") for name in "xyz"}
    rows = {
        "of the column": RowConfig(run=str(first)),
        "of the row": RowConfig(run=str(first), task="b"),
        "of the cell": RowConfig(
            run=str(first),
            task="b",
            cells={"y": CellConfig(task="a"), "z": CellConfig(run=str(second), metric="num_questions")},
        ),
    }
    found = table(rows, columns, same_by=SameBy.SEGMENTS)

    assert [cell.value for cell in found.rows["of the column"]] == [1, 1, 1]
    assert [cell.value for cell in found.rows["of the row"]] == [0, 0, 0]
    assert [cell.value for cell in found.rows["of the cell"]] == [0, 1, 1]
    assert [cell.is_share for cell in found.rows["of the cell"]] == [True, True, False]


@pytest.mark.parametrize("missing", ["task", "metric"])
def test_a_run_without_a_task_or_a_metric_is_an_error(missing: str) -> None:
    column = replace(ColumnConfig("mqa", "accuracy"), **{missing: None})

    with pytest.raises(ConfigError, match=f"table 't', row 'r', column 'MQA': has a run and no {missing}"):
        table({"r": "folder"}, {"MQA": column})


def test_a_missing_run_is_an_empty_cell_beside_the_papers_figure(tmp_path: Path) -> None:
    row = RowConfig(run=str(tmp_path / "none"), cells={"MQA": CellConfig(reported="main.gpt_4o_8")})
    found = collect(ReportConfig(tables={"t": TableConfig("T", {"MQA": ColumnConfig("mqa", "accuracy")}, {"r": row})}))

    assert found.tables["t"].rows["r"] == (Cell(None, 0, reported=0.522, run=str(tmp_path / "none")),)
    assert found.tables["t"].source is not None
    assert found.missing == (tmp_path / "none",)


def test_a_reported_figure_that_does_not_exist_is_an_error() -> None:
    row = RowConfig(cells={"MQA": CellConfig(reported="main.gpt_4o_9")})

    with pytest.raises(ConfigError, match=r"'main.gpt_4o_9': not in .*did you mean 'main.gpt_4o_8'"):
        table({"r": row})


def test_an_unfinished_run_is_said_and_its_rows_are_not_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "half", {"mqa": [RIGHT]}, finished=False)
    found = table({"half": folder})

    assert found.rows["half"] == (Cell(None, 0, run=str(folder), notes=(UNFINISHED,)),)
    assert found.footnotes() == {UNFINISHED: 1}
    with pytest.raises(DataError, match="half: the evaluation is not finished"):
        simple({"half": str(folder)})


def test_a_folder_without_rows_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no rows of an evaluation in it; run `llavaction evaluate output=") as caught:
        simple({"run": str(tmp_path)})
    assert str(caught.value).startswith(str(tmp_path))


def test_questions_without_an_answer_are_counted_in_a_footnote(tmp_path: Path) -> None:
    rows = [RIGHT, choice(1, 1), replace(choice(2, None), excluded="no video"), replace(choice(3, None), excluded="x")]
    cell = table({"r": write_run(tmp_path / "r", {"mqa": rows})}).rows["r"][0]

    assert (cell.value, cell.num_questions, cell.num_excluded) == (0.5, 2, 2)
    assert cell.notes == ("2 of 4 questions have no answer and are left out",)


def test_cells_of_a_column_are_over_the_same_questions(run_folder: Callable[..., str]) -> None:
    rows = {
        "first": run_folder("first", mqa=[choice(0, 0), choice(1, 0)]),
        "second": run_folder("second", mqa=[choice(0, 0), choice(2, 0), choice(3, 0)]),
    }

    with pytest.raises(DataError, match=r"over the same questions; .*has 2 questions and .* 3: 1 are only") as caught:
        simple(rows)
    assert rows["first"] in str(caught.value) and rows["second"] in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"question_sha256": "b" * 16}, {"options": ("other", *WRONG.options[1:])}, {"truth": (1, 2, 4)}]
)
def test_rows_of_another_build_are_refused(run_folder: Callable[..., str], change: dict[str, Any]) -> None:
    mine = replace(RIGHT, question_sha256="a" * 16)
    rows = {"mine": run_folder("mine", mqa=[mine]), "other": run_folder("other", mqa=[replace(mine, **change)])}

    with pytest.raises(DataError, match=f"question 'q/0': {next(iter(change))} is .*different builds"):
        simple(rows)


def test_other_columns_may_have_other_questions(run_folder: Callable[..., str]) -> None:
    folder = run_folder("run", mqa=[RIGHT], head=[replace(heads(9, 1, 2, 3), sample_id="direct/9")])

    assert [cell.value for cell in simple({"run": folder}).rows["run"]] == [1.0, 1.0]


def test_a_table_by_segments_takes_other_words_but_no_other_clips(tmp_path: Path) -> None:
    worded = replace(RIGHT, options=("a", "b"), question_sha256="c" * 16)
    folders = {
        "narrations": write_run(tmp_path / "n", {"mqa": [RIGHT]}),
        "labels": write_run(tmp_path / "l", {"mqa": [worded]}),
    }
    allowed = [Setting.NUM_OPTIONS]

    assert table(folders, same_by=SameBy.SEGMENTS, may_differ=allowed).rows["labels"][0].value == 1.0
    with pytest.raises(DataError, match="different builds"):
        table(folders, may_differ=allowed)
    folders["other clip"] = write_run(tmp_path / "o", {"mqa": [replace(RIGHT, segment_id="P02_01_0")]})
    with pytest.raises(DataError, match=r"over the same segments; .* has 1 that .* has not, and lacks 1 of its own"):
        table(folders, same_by=SameBy.SEGMENTS, may_differ=allowed)


@pytest.mark.parametrize(
    ("setting", "first", "second"),
    [
        (Setting.MODE, {"settings": {"mode": "option"}}, {"settings": {"mode": "generate"}}),
        (Setting.ORDER, {"settings": {"order": "given"}}, {"settings": {"order": "shuffled"}}),
        (Setting.LENGTH_NORMALISED, {}, {"settings": {"length_normalised": True}}),
        (Setting.NUM_FRAMES, {"num_frames": 8}, {"num_frames": 16}),
        (Setting.NUM_FRAMES, {"num_frames": 8}, {"num_frames": 8, "record": {"num_frames": 32}}),
    ],
)
def test_runs_of_other_settings_are_refused_by_name_unless_allowed(
    tmp_path: Path, setting: Setting, first: dict[str, Any], second: dict[str, Any]
) -> None:
    folders = {
        "one": write_run(tmp_path / "1", {"mqa": [RIGHT]}, **first),
        "two": write_run(tmp_path / "2", {"mqa": [WRONG]}, **second),
    }

    with pytest.raises(ConfigError, match=rf"table 't' mixes runs: {setting} is (\w+) in ") as caught:
        table(folders)
    text = str(caught.value)
    assert f"{folders['one']} (row 'one')" in text and f"{folders['two']} (row 'two')" in text
    assert text.endswith(f"allow it with report.tables.t.may_differ=[{setting}]")
    assert table(folders, may_differ=[setting]).rows["two"][0].value == 0.0
    with pytest.raises(ConfigError, match=rf"report\.may_differ=\[{setting}\]"):
        simple({name: str(folder) for name, folder in folders.items()})
    allowed = simple({name: str(folder) for name, folder in folders.items()}, may_differ=[setting])
    assert allowed.rows["one"][0].value == 1.0


def test_a_column_fixes_the_number_of_frames(tmp_path: Path) -> None:
    columns = {f"{number} frames": ColumnConfig("mqa", "accuracy", num_frames=number) for number in (8, 16)}
    runs = {number: str(write_run(tmp_path / str(number), {"mqa": [RIGHT]}, num_frames=number)) for number in (8, 16)}
    right = {f"{number} frames": CellConfig(run=runs[number]) for number in (8, 16)}
    wrong = {"8 frames": CellConfig(run=runs[16])}

    assert [cell.value for cell in table({"r": RowConfig(cells=right)}, columns).rows["r"]] == [1.0, 1.0]
    with pytest.raises(ConfigError, match=r"column '8 frames': .*16 has num_frames = 16, and the column is for 8"):
        table({"r": RowConfig(cells=wrong)}, columns)


def test_a_number_of_candidates_counts_as_the_number_of_options(tmp_path: Path) -> None:
    trials = tuple(Trial(tuple(range(k)), chosen_idx=0) for k in (1, 3))
    row = replace(choice(0, 0, num_options=3), kind="two_stage", trials=trials, predicted=(1, 2, 3))
    folder = str(write_run(tmp_path / "k", {"two_stage": [Row.from_row(row.to_row())]}))
    columns = {f"K = {k}": ColumnConfig("two_stage", f"action_at_{k}", num_options=k) for k in (1, 3)}

    assert [cell.value for cell in table({"r": folder}, columns).rows["r"]] == [1.0, 1.0]
    columns["K = 3"] = replace(columns["K = 3"], num_options=2)
    with pytest.raises(ConfigError, match=r"column 'K = 3': .*num_options = 3, and the column is for 2"):
        table({"r": folder}, columns)


def test_an_unknown_metric_comes_with_the_nearest(run_folder: Callable[..., str]) -> None:
    folder = run_folder("run", mqa=[WRONG])

    with pytest.raises(ConfigError) as caught:
        simple({"run": folder}, {"MQA": "mqa.acuracy"})
    assert str(caught.value) == (
        f"{folder}/rows/mqa.jsonl: no metric 'acuracy'; did you mean 'accuracy'? "
        "(has accuracy, num_questions, chance, num_unparseable)"
    )


def test_recognition_without_annotations_says_what_it_needs(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {"head": [heads(0, 1, 2, 3)]})
    columns = {"verb": ColumnConfig("head", "all_verb_accuracy_at_1")}
    found = table({"run": folder, "file": RowConfig(predictions=str(tmp_path / "no such file"))}, columns)

    assert [cells[0].notes for cells in found.rows.values()] == [(NO_ANNOTATIONS,)] * 2


def test_a_file_of_predictions_has_no_other_metric(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a file of predictions, and 'accuracy' is no metric of recognition"):
        table({"file": RowConfig(predictions=str(tmp_path / "file"))})


def test_a_column_that_no_run_fills_draws_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_run(tmp_path / "run", {"mqa": [RIGHT]})
    with caplog.at_level(logging.WARNING):
        table({"run": folder}, {"MQA": ColumnConfig("mqaa", "accuracy")})

    assert "no run has rows of task 'mqaa'" in caplog.text and "has mqa" in caplog.text


def test_a_cell_of_a_column_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"row 'r': cell of column 'MQa', which .* did you mean 'MQA'"):
        table({"r": RowConfig(cells={"MQa": CellConfig()})})


def test_a_run_without_the_config_of_its_task_is_an_error(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {"mqa": [RIGHT]})
    (folder / "config.yaml").write_text("evaluation: {tasks: {}}\nvideo: {num_frames: 8}\n")

    with pytest.raises(DataError, match=r"config\.yaml: no evaluation\.tasks\.mqa, though there are rows of it"):
        table({"r": folder})
