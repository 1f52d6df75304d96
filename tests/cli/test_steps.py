"""Commands one after another: in order, not twice, and checked before the first one runs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from llavaction.cli import build_sft, runs
from llavaction.cli.steps import run_steps
from llavaction.reports.config import ReportConfig, StepConfig
from llavaction.utils.errors import ConfigError, DataError


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The output folders that build-sft was asked for; it writes a manifest into each and nothing else."""
    outputs: list[str] = []

    def build(root: Any) -> None:
        outputs.append(root.output)
        Path(root.output).mkdir(parents=True, exist_ok=True)
        (Path(root.output) / "manifest.json").write_text("{}")

    monkeypatch.setattr(build_sft, "run", build)
    return outputs


def build(folder: Path, *overrides: str, done: str | None = "manifest.json") -> StepConfig:
    words = ["paths.annotations=ann", f"output={folder}", *overrides]
    return StepConfig("build-sft", words, None if done is None else str(folder / done))


def test_steps_run_in_order_and_what_is_done_is_not_run_again(tmp_path: Path, ran: list[str]) -> None:
    steps = {"second": build(tmp_path / "b"), "first": build(tmp_path / "a")}
    run_steps(steps, tmp_path / "log")
    assert ran == [str(tmp_path / "b"), str(tmp_path / "a")]

    (tmp_path / "b" / "manifest.json").unlink()
    run_steps(steps, tmp_path / "log")
    assert ran[2:] == [str(tmp_path / "b")]


def test_a_step_without_a_sign_runs_every_time(tmp_path: Path, ran: list[str]) -> None:
    for _ in range(2):
        run_steps({"always": build(tmp_path / "a", done=None)}, tmp_path / "log")

    assert len(ran) == 2


def test_the_log_says_how_far_it_is(tmp_path: Path, ran: list[str], caplog: pytest.LogCaptureFixture) -> None:
    steps = {"easy": build(tmp_path / "a"), "hard": build(tmp_path / "b", "sft.num_options=4")}
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "manifest.json").touch()
    with caplog.at_level(logging.INFO):
        run_steps(steps, tmp_path / "log")
    text = (tmp_path / "log" / "log.txt").read_text()

    assert "step 1 of 2: easy is done" in caplog.text
    assert "step 2 of 2: hard" in text
    assert f"$ llavaction build-sft paths.annotations=ann output={tmp_path / 'b'} sft.num_options=4" in text


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (StepConfig("build_sft"), "unknown command 'build_sft'; did you mean 'build-sft'"),
        (StepConfig("verify"), "llavaction verify answers questions and makes nothing"),
        (StepConfig("ask"), "llavaction ask answers questions and makes nothing"),
        (StepConfig("build-sft", ["paths.annotations=a", "sft.sead=1"]), r"unknown key 'sft\.sead'"),
        (StepConfig("build-sft"), r"paths\.annotations is not set"),
    ],
)
def test_a_step_that_cannot_run_is_named_before_any_runs(
    tmp_path: Path, ran: list[str], step: StepConfig, problem: str
) -> None:
    with pytest.raises(ConfigError, match=f"step 'wrong': {problem}"):
        run_steps({"right": build(tmp_path / "a"), "wrong": step}, tmp_path / "log")
    assert ran == []


def test_a_command_that_leaves_nothing_behind_is_an_error(tmp_path: Path, ran: list[str]) -> None:
    steps = {"odd": build(tmp_path / "a", done="other.json"), "next": build(tmp_path / "b")}

    with pytest.raises(ConfigError, match=r"step 'odd': `llavaction build-sft` ended without .*other\.json"):
        run_steps(steps, tmp_path / "log")
    assert ran == [str(tmp_path / "a")]


def test_an_error_of_a_command_ends_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ran: list[str]) -> None:
    def fail(root: Any) -> None:
        raise DataError("broken row")

    monkeypatch.setattr(runs, "run", fail)
    steps = {"list": StepConfig("runs"), "next": build(tmp_path / "b")}

    with pytest.raises(DataError, match="broken row"):
        run_steps(steps, tmp_path / "log")
    assert ran == []


def test_every_step_of_a_command_gets_what_its_commands_share() -> None:
    steps = {"a": StepConfig("train", ["x=1"]), "b": StepConfig("evaluate", ["y=2"])}
    config = ReportConfig(steps=steps, step_overrides={"train": ["z=3"]})

    assert config.all_steps["a"].overrides == ["z=3", "x=1"]
    assert config.all_steps["b"].overrides == ["y=2"]
    with pytest.raises(ConfigError, match="step_overrides: no step runs trian"):
        ReportConfig(steps=steps, step_overrides={"trian": ["z=3"]})
