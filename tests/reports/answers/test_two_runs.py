"""Two runs side by side: what stands in each cell, and what is no comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.paired import compare_answers
from llavaction.evaluation.predictions import Row, Trial
from llavaction.reports.answers.two_runs import collect_comparison
from llavaction.reports.collect import Collected
from llavaction.reports.config import ReportConfig, ReportKind
from llavaction.reports.render import to_markdown
from llavaction.utils.errors import ConfigError, DataError
from tests.evaluation.rows import row
from tests.reports.answers.runs import answer, heads, sample, write_answers

SAMPLES = [sample(number) for number in range(12)]


def rows(num_right: int) -> list[Row]:
    """The first so many are right."""
    return [answer(item, (number + (number >= num_right)) % 3) for number, item in enumerate(SAMPLES)]


def compare(first: Path, second: Path, *tasks: str) -> Collected:
    return collect_comparison(
        ReportConfig(kind=ReportKind.COMPARE, run=str(first), other=str(second), tasks=list(tasks))
    )


def test_each_metric_question_by_question(tmp_path: Path) -> None:
    first, second = rows(4), rows(9)
    second[0] = replace(second[0], chosen_idx=2)
    second[5] = replace(second[5], chosen_idx=None, excluded="broken")
    folders = [write_answers(tmp_path / name, {"mqa": of}) for name, of in (("a", first), ("b", second))]
    expected = compare_answers(first, second)

    table = compare(*folders).tables["mqa"]
    cells = dict(zip(table.columns, table.rows["accuracy"]))
    assert table.columns == (
        *("a", "b", "difference", "both right", "only first", "only second", "neither"),
        *("p (McNemar)", "questions", "excluded"),
    )
    # Over the 11 questions that both answered.
    assert (cells["a"].value, cells["b"].value) == (4 / 11, pytest.approx(7 / 11))
    assert cells["difference"].value == pytest.approx(3 / 11)
    assert (cells["difference"].low, cells["difference"].high) == (expected.difference.low, expected.difference.high)
    counts = [cells[name].value for name in ("both right", "only first", "only second", "neither")]
    assert counts == [3, 1, 4, 3]
    assert cells["p (McNemar)"].value == pytest.approx(0.375)
    assert (cells["questions"].value, cells["excluded"].value) == (11, 1)
    assert "| 3 | 1 | 4 | 3 | 0.3750 | 11 | 1 |" in to_markdown(table)


def test_shares_have_no_counts_and_no_test(tmp_path: Path) -> None:
    spans = [row(TaskName.TEMPORAL_DETECTION, number, target=(0.0, 2.0), span=(0.0, 1.0)) for number in range(4)]
    better = [replace(item, span=(0.0, 2.0)) for item in spans]
    folders = [write_answers(tmp_path / name, {"when": of}) for name, of in (("a", spans), ("b", better))]

    table = compare(*folders).tables["when"]
    assert [cell.value for cell in table.rows["mean_iou"]] == [0.5, 1.0, 0.5, *[None] * 5, 4, 0]
    assert [cell.value for cell in table.rows["r1_iou_0.7"]][2:7] == [1.0, 0, 0, 4, 0]
    assert "no counts and no test" in to_markdown(table)


def test_other_settings_and_metrics_are_said(tmp_path: Path) -> None:
    turned = [replace(item, trials=tuple(Trial(order, chosen_idx=0) for order in _ROTATIONS)) for item in rows(6)]
    first = write_answers(tmp_path / "a", {"mqa": rows(6)}, num_frames=8)
    second = write_answers(tmp_path / "b", {"mqa": turned}, num_frames=16, settings={"order": "cyclic"})

    table = compare(first, second).tables["mqa"]
    assert table.note is not None
    assert "num_frames is 8 in a and 16 in b. order is given in a and cyclic in b." in table.note
    assert "Only b has accuracy_every_order, accuracy_common, consistency." in table.note
    assert list(table.rows) == ["accuracy"] and table.rows["accuracy"][7].value is None


_ROTATIONS = ((0, 1, 2), (1, 2, 0), (2, 0, 1))


def test_other_questions_are_refused_by_name(tmp_path: Path) -> None:
    other = [replace(item, question_sha256="0" * 16) for item in rows(3)]
    folders = [write_answers(tmp_path / name, {"mqa": of}) for name, of in (("a", rows(3)), ("b", other))]

    with pytest.raises(DataError, match=r"question 'mqa/0': question_sha256 is .* in .*a/rows/mqa\.jsonl and .*b/rows"):
        compare(*folders)
    fewer = write_answers(tmp_path / "c", {"mqa": rows(3)[:5]})
    with pytest.raises(DataError, match=r"7 are only in the first and 0 only in the second"):
        compare(folders[0], fewer)


def test_tasks_that_can_be_compared_are_named(tmp_path: Path) -> None:
    own = [heads(item, 0, 0) for item in SAMPLES]
    folders = [
        write_answers(tmp_path / name, {"mqa": rows(3)[start:], "head": own}) for name, start in (("a", 0), ("b", 1))
    ]

    with pytest.raises(DataError, match=r"; to compare the rest, report\.tasks=\[head\]"):
        compare(*folders)
    assert list(compare(*folders, "head").tables) == ["head"]


def test_tasks_of_one_run_alone_are_left_out_with_a_reason(tmp_path: Path) -> None:
    own = [heads(item, 0, 0) for item in SAMPLES]
    first = write_answers(tmp_path / "a", {"mqa": rows(3)})
    second = write_answers(tmp_path / "b", {"mqa": rows(5), "head": own})
    third = write_answers(tmp_path / "c", {"head": own})

    found = compare(first, second)
    assert list(found.tables) == ["mqa"]
    assert found.no_tables == {"head": f"only {second} has rows of it"}
    assert len(found.files) == 2
    with pytest.raises(ConfigError, match=r"have no task in common \(mqa; head\)"):
        compare(first, third)
    with pytest.raises(ConfigError, match="has no rows of task 'head'"):
        compare(first, second, "head")


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    first, second = tmp_path / "x" / "run", tmp_path / "y" / "run"
    for folder in (first, second):
        write_answers(folder, {"mqa": rows(3)})
    table = compare(first, second).tables["mqa"]

    assert table.columns[:2] == (str(first), str(second))
    assert [cell.value for cell in table.rows["accuracy"]][2:8] == [0, 3, 0, 0, 9, 1]
    assert table.rows["accuracy"][2].low is None
