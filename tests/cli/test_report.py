"""The report command on made-up runs: every file it writes, and what it says of what is not there."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from llavaction.cli.main import USER_ERROR, main
from llavaction.cli.report import run
from llavaction.config.compose import compose_config
from llavaction.reports.config import ReportConfig, StepConfig
from llavaction.utils.errors import ConfigError
from tests.evaluation.rows import choice
from tests.reports.evaluations import write_run

pytestmark = pytest.mark.thorough

STACK = ("stack_01_zero_shot", "stack_03_random", "stack_08_direct")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder with a few of the paper's runs, one of them unfinished; the folder that reports go to."""
    for number, name in enumerate(STACK):
        rows = [choice(idx, idx % (number + 2), question_sha256=f"{idx:016x}") for idx in range(20)]
        rows[3] = replace(rows[3], excluded="no video") if name == "stack_03_random" else rows[3]
        write_run(tmp_path / "evaluate" / name, {"mqa": rows}, num_frames=16, settings={"mode": "generate"})
    unfinished = write_run(tmp_path / "evaluate" / "stack_04_adversarial", {"mqa": rows}, finished=False)
    assert not (unfinished / "metrics.json").exists()
    return tmp_path / "report"


def report(output: Path, *words: str) -> int:
    return main(["report", f"paths.output={output.parent}", f"output={output}", *words])


def test_the_papers_tables_are_written_in_every_form(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(output, "report=paper") == 0
    tables = json.loads((output / "results.json").read_text())
    names = ["main", "distractor_difficulty", "component_stack", "ek100_recognition", "ek100_subsets", "k_sweep"]
    lines = list(csv.DictReader((output / "results.csv").open()))

    assert list(tables) == [*names, "two_stage"]
    assert {path.name for path in output.iterdir()} >= {"results.md", "results.tex", "config.yaml", "run.json"}
    cell = tables["component_stack"]["rows"]["random distractors"]["MQA"]
    assert (cell["num_questions"], cell["num_excluded"], cell["reported"]) == (19, 1, 0.55)
    assert cell["low"] <= cell["value"] <= cell["high"]
    (line,) = [one for one in lines if (one["table"], one["row"]) == ("component_stack", "zero-shot") and one["value"]]
    assert (line["value"], line["paper"], line["num_questions"]) == ("50", "34.8", "20")
    markdown = (output / "results.md").read_text()
    assert re.search(r"\| random distractors \| \d+\.\d¹ \[[\d., ]+\] \(55\.0\) \| – \|", markdown)
    assert "1 of 20 questions have no answer and are left out" in markdown
    assert "the evaluation is not finished" in markdown
    tex = (output / "results.tex").read_text()
    assert tex.count(r"\toprule") == tex.count(r"\bottomrule") == len(tables)
    assert "34.8" in capsys.readouterr().out


def test_what_is_left_out_is_said(output: Path) -> None:
    report(output, "report=paper")
    left_out = (output / "results.md").read_text().partition("## Left out")[2]

    assert "- figure letter_bias: no finished run among" in left_out
    assert f"- cells of {output.parent}/evaluate/gpt_4o: no such run" in left_out
    assert "component_stack" not in left_out
    assert {path.stem for path in output.glob("*.png")} == {"component_stack"}
    assert set(json.loads((output / "run.json").read_text())["figures_left_out"]) == {
        *("letter_bias", "reliability", "accuracy_over_k", "confusion_verbs", "confusion_nouns")
    }


@pytest.mark.parametrize("name", ["main", "component_stack", "k_sweep", "two_stage", "distractor_difficulty"])
def test_a_table_can_be_made_alone(output: Path, name: str) -> None:
    assert report(output, f"report=paper/{name}") == 0
    assert list(json.loads((output / "results.json").read_text())) == [name]


def test_a_table_of_ones_own(output: Path) -> None:
    rows = [f"+report.rows.{name}={output.parent}/evaluate/{name}" for name in STACK]

    assert report(output, *rows) == 0
    found = json.loads((output / "results.json").read_text())["results"]["rows"]
    assert list(found) == list(STACK)
    assert found[STACK[0]]["MQA"]["value"] == 0.5 and found[STACK[0]]["head verb"]["value"] is None
    hashes = json.loads((output / "run.json").read_text())["data_sha256"]
    assert set(hashes) == {f"{output.parent}/evaluate/{name}/rows/mqa.jsonl" for name in STACK}


def test_mixed_runs_end_with_one_line_and_no_table(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = output.parent / "evaluate" / "stack_08_direct" / "config.yaml"
    config.write_text(config.read_text().replace("mode: generate", "mode: option"))

    assert report(output, "report=paper") == USER_ERROR
    error = capsys.readouterr().err
    assert "table 'component_stack' mixes runs: mode is generate in" in error and "stack_08_direct" in error
    assert not (output / "results.md").exists()
    assert report(output, "report=paper", "report.tables.component_stack.may_differ=[mode]") == 0


def _name_no_figure(config: ReportConfig) -> None:
    config.tables["main"].rows["GPT-4o, zero-shot"].cells["8 frames"].reported = "main.x"


def _repeat_a_number(config: ReportConfig) -> None:
    config.tables["k_sweep"].columns["K = 2"].num_options = 5


def _name_no_column(config: ReportConfig) -> None:
    config.figures["component_stack"].column = "MQB"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_name_no_figure, r"reported figure 'main\.x': not in"),
        (_repeat_a_number, "each needs one of its own"),
        (_name_no_column, "has no column 'MQB'; did you mean 'MQA'"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_any_step(
    output: Path, spoil: Callable[[ReportConfig], None], problem: str
) -> None:
    root = compose_config("report", ["report=paper", f"paths.output={output.parent}", f"output={output}"])
    root.report.steps = {"never": StepConfig("build-sft", ["paths.annotations=nowhere"])}
    spoil(root.report)

    with pytest.raises(ConfigError, match=problem):
        run(root)
    assert not output.exists()


def test_without_rows_it_says_how_to_choose(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(output) == USER_ERROR
    assert "report=NAME" in capsys.readouterr().err
