"""`llavaction report` on one run and on two: every file it writes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from llavaction.cli.main import USER_ERROR, main
from tests.reports.answers.runs import answer, heads, sample, write_answers

pytestmark = pytest.mark.thorough

SAMPLES = [sample(number) for number in range(12)]


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs; the second is right more often and has a head."""
    folders = []
    for name, num_right in (("plain", 4), ("token", 9)):
        rows = [answer(item, (number + (number >= num_right)) % 3) for number, item in enumerate(SAMPLES)]
        tasks = {"mqa": rows} if name == "plain" else {"mqa": rows, "head": [heads(item, 1, 2) for item in SAMPLES]}
        folders.append(write_answers(tmp_path / name, tasks, SAMPLES))
    return folders


def test_one_run(tmp_path: Path, runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "report"
    assert main(["report", "report=run", f"run={runs[1]}", f"output={output}"]) == 0
    tables = json.loads((output / "results.json").read_text())
    record = json.loads((output / "run.json").read_text())

    assert list(tables) == [
        *("head", "head_by_verb", "head_by_noun", "head_by_clip_length"),
        *("mqa", "mqa_by_verb", "mqa_by_noun", "mqa_by_clip_length", "mqa_by_distractors", "mqa_by_position"),
    ]
    accuracy = tables["mqa"]["rows"]["accuracy"]["value"]
    assert accuracy["value"] == 0.75 and accuracy["low"] < 0.75 < accuracy["high"] and accuracy["num_videos"] == 3
    assert {path.name for path in output.glob("*.png")} == {
        *("reliability_mqa.png", "confusion_verbs_head.png", "confusion_nouns_head.png")
    }
    assert {Path(path).name for path in record["data_sha256"]} == {"head.jsonl", "mqa.jsonl", "samples.jsonl"}
    lines = list(csv.DictReader((output / "results.csv").open()))
    assert {line["table"] for line in lines} == set(tables)
    assert (output / "results.tex").read_text().count(r"\toprule") == len(tables)
    assert "- figure letters_mqa: questions were shown in one order" in (output / "results.md").read_text()
    assert "mqa: 12 questions of kind mqa, 3 videos; shares in percent" in capsys.readouterr().out


def test_two_runs(tmp_path: Path, runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "report"
    assert main(["report", "report=compare", f"run={runs[0]}", f"other={runs[1]}", f"output={output}"]) == 0
    cells = json.loads((output / "results.json").read_text())["mqa"]["rows"]["accuracy"]

    assert (cells["plain"]["value"], cells["token"]["value"]) == (pytest.approx(4 / 12), 0.75)
    assert (cells["only second"]["value"], cells["p (McNemar)"]["value"]) == (5, pytest.approx(0.0625))
    assert f"- table head: only {runs[1]} has rows of it" in (output / "results.md").read_text()
    assert "token against plain" in capsys.readouterr().out


def test_other_questions_are_one_error_and_no_table(
    tmp_path: Path, runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [replace(answer(item, 0), question_sha256="0" * 16) for item in SAMPLES]
    other = write_answers(tmp_path / "other", {"mqa": rows}, SAMPLES)
    words = ["report", "report=compare", f"run={runs[0]}", f"other={other}", f"output={tmp_path / 'report'}"]

    assert main(words) == USER_ERROR
    assert "the runs were asked questions of different builds" in capsys.readouterr().err
    assert not (tmp_path / "report" / "results.md").exists()
