"""Evaluation on one process and on two, stopped and gone on: the same rows."""

import json

import pytest

from llavaction.testing.processes import run_commands
from tests.integration.runs import succeed

pytestmark = pytest.mark.slow


def evaluate_arguments(kitchen, checkpoint, output):
    return [
        "evaluate",
        "paths=demo",
        f"paths.output={kitchen}",
        "video=toy_kitchen",
        "evaluation=toy_kitchen_head",
        "evaluation.num_workers=0",
        "evaluation.batch_size=5",
        f"model.checkpoint={checkpoint}",
        f"output={output}",
    ]


def read_rows(folder):
    rows = {}
    for path in sorted((folder / "rows").iterdir()):
        rows[path.name] = [json.loads(line) for line in path.read_text().splitlines()]
    return rows


def test_rows_do_not_depend_on_the_processes(kitchen, checkpoint, tmp_path):
    succeed(evaluate_arguments(kitchen, checkpoint, tmp_path / "one"))
    succeed(evaluate_arguments(kitchen, checkpoint, tmp_path / "two"), num_processes=2)
    one, two = read_rows(tmp_path / "one"), read_rows(tmp_path / "two")
    assert set(one) == set(two) == {f"{task}.jsonl" for task in ("mqa_random", "mqa_hard", "direct", "head")}
    for name, rows in one.items():
        assert len(rows) == 12
        for row, other in zip(rows, two[name], strict=True):
            assert row.pop("scores") == pytest.approx(other.pop("scores"), abs=1e-4)
            assert row == other


def test_a_stopped_evaluation_goes_on(kitchen, checkpoint, tmp_path):
    arguments = evaluate_arguments(kitchen, checkpoint, tmp_path)
    succeed(arguments)
    whole = tmp_path / "rows" / "mqa_hard.jsonl"
    lines = whole.read_text().splitlines(keepends=True)
    # As a killed process of three leaves it: some rows, the last one cut.
    whole.rename(tmp_path / "rows" / "mqa_hard.part-1-of-3.jsonl").write_text("".join(lines[:5]) + lines[5][:20])
    succeed(arguments)
    assert whole.read_text().splitlines(keepends=True) == lines
    assert not list(whole.parent.glob("*.part-*"))


def test_rows_of_another_configuration_are_not_mixed(kitchen, checkpoint, tmp_path):
    arguments = evaluate_arguments(kitchen, checkpoint, tmp_path)
    succeed(arguments)
    (result,) = run_commands([[*arguments, "evaluation.tasks.mqa_hard.mode=letter"]])
    assert result.returncode == 2 and "differs from this configuration" in result.output
