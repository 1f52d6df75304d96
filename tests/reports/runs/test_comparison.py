from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from llavaction.reports.runs.comparison import Difference, Reading, compare_lines, compare_runs
from llavaction.reports.runs.folder import read_run
from llavaction.reports.runs.picture import draw_losses
from llavaction.reports.runs.render import comparison_tables, spread
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import write_json, write_text
from tests.reports.runs.folders import write_run, write_training

ROOT = Path(__file__).resolve().parents[3]


def test_what_differs_is_named_with_both_values(tmp_path: Path) -> None:
    a, b = write_training(tmp_path / "a", [2.0]), write_training(tmp_path / "b", [2.0])
    write_text(
        b / "config.yaml", "train:\n  seed: 1\n  lr:\n    decoder: 1.0e-05\n  freeze: [vision]\nmodel:\n  x: 1\n"
    )
    record = read_run(b).record
    versions = {"python": "3.11.7", "torch": "2.14.0"}
    data = {"elsewhere/train.jsonl": "a" * 64, "more.jsonl": "b" * 64}
    write_json(b / "run.json", {**record, "git_commit": "ffff", "versions": versions, "data_sha256": data})
    comparison = compare_runs(a, b)

    assert comparison.config == [
        Difference("train.seed", 0, 1),
        Difference("train.freeze", [], ["vision"]),
        Difference("model.x", None, 1),
    ]
    assert comparison.provenance == [
        Difference("git_commit", "0123456789abcdef-dirty", "ffff"),
        Difference("version: torch", "2.13.0", "2.14.0"),
        Difference("data: more.jsonl", None, "b" * 64),
    ]


def test_metrics_are_compared_at_equal_steps_and_at_the_end() -> None:
    a = [{"step": step, "loss": 4.0 - step, "time_s": 1.0} for step in (1, 2, 3)]
    b = [{"step": step, "loss": value, "eval/mqa/accuracy": 0.5} for step, value in ((1, 3.0), (2, 2.5), (4, 0.0))]
    loss, accuracy = compare_lines(a, b)

    assert (loss.name, loss.shared) == ("loss", [Reading(1, 3.0, 3.0), Reading(2, 2.0, 2.5)])
    assert (loss.end_a, loss.end_b) == ((3, 1.0), (4, 0.0))
    assert loss.first_gap == loss.widest == Reading(2, 2.0, 2.5)
    assert (accuracy.shared, accuracy.end_a, accuracy.end_b) == ([], None, (4, 0.5))


def test_evaluations_are_compared_without_steps(tmp_path: Path) -> None:
    for name, value in (("a", 0.5), ("b", 0.75)):
        write_run(tmp_path / name, "evaluate")
        write_json(tmp_path / name / "metrics.json", {"mqa": {"accuracy": value}})
    (accuracy,) = compare_runs(tmp_path / "a", tmp_path / "b").metrics

    assert accuracy.widest == Reading(None, 0.5, 0.75)
    assert accuracy.widest.gap == 0.25


def text_of(a: Path, b: Path) -> str:
    console = Console(file=io.StringIO(), width=120)
    for table in comparison_tables(compare_runs(a, b)):
        console.print(table)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_the_tables_say_what_is_equal(tmp_path: Path) -> None:
    a, b = write_training(tmp_path / "a", [2.0, 1.0]), write_training(tmp_path / "b", [2.0, 1.0])
    text = text_of(a, b)

    assert "Configuration: no difference" in text
    assert "Code, versions and data: no difference" in text
    assert "never" in text
    assert "loss at equal steps" in text


def test_the_tables_say_what_differs(tmp_path: Path) -> None:
    a = write_training(tmp_path / "a", [2.0, 1.0], data_sha256={"t": "a" * 64}, num_processes=1)
    b = write_training(tmp_path / "b", [2.0, 1.25], data_sha256={"t": "b" * 64}, num_processes=2)
    lines = {line.split()[0]: line.split() for line in text_of(a, b).splitlines() if line.split()}

    assert lines["num_processes"] == ["num_processes", "1", "2"]
    assert lines["data:"] == ["data:", "t", "a" * 12, "b" * 12]
    assert lines["loss"] == ["loss", "at", "equal", "steps"]
    assert lines["lm_loss"] == ["lm_loss", "0.5", "@2", "0.625", "@2", "2", "@2", "+0.125", "@2"]
    assert lines["2"] == ["2", "1", "1.25", "+0.25"]


def test_a_long_course_is_shown_at_few_steps() -> None:
    readings = [Reading(step, 0.0, 0.0) for step in range(1, 1001)]
    shown = spread(readings, 10)

    assert [len(shown), shown[0].step, shown[-1].step] == [10, 1, 1000]
    assert spread(readings[:3], 10) == readings[:3]


def test_the_picture_needs_a_loss_of_both(tmp_path: Path) -> None:
    lines = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": None}]
    draw_losses({"a": lines, "b": lines}, tmp_path / "p.png")

    assert (tmp_path / "p.png").stat().st_size > 5000
    with pytest.raises(DataError, match="a and b"):
        draw_losses({"a": lines, "b": [{"step": 1, "lm_loss": 1.0}]}, tmp_path / "q.png")


@pytest.mark.thorough
def test_the_script_compares_folders(tmp_path: Path) -> None:
    a, b = write_training(tmp_path / "a", [2.0, 1.0]), write_training(tmp_path / "b", [2.0, 1.0])

    def compare(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "scripts/compare_runs.py", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    found = compare(str(a), str(b), "--picture", str(tmp_path / "p.png"))
    assert (found.returncode, found.stderr) == (0, "")
    assert "loss at equal steps" in found.stdout and (tmp_path / "p.png").exists()
    missing = compare(str(a), str(tmp_path / "c"))
    assert missing.returncode == 2 and "error: " in missing.stderr and "c/run.json: no such file" in missing.stderr
