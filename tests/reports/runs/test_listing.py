from __future__ import annotations

import csv
import io
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from llavaction.reports.runs.config import RunsConfig, SortBy
from llavaction.reports.runs.listing import list_runs, problems, shown_count, shown_time, to_csv, to_objects, to_table
from llavaction.reports.runs.summary import Best, RunState, RunSummary
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.jsonl import write_json
from tests.reports.runs.folders import START, write_run, write_training


def listed(folder: Path, **more: object) -> dict[str, RunSummary]:
    return {run.name: run for run in list_runs(RunsConfig(str(folder), **more))}  # type: ignore[arg-type]


def test_a_training_run_in_figures(tmp_path: Path) -> None:
    write_training(tmp_path / "train" / "a", [3.0, 2.0, 1.0], accuracy={1: 0.5, 2: 0.6, 3: 0.4}, num_processes=8)
    (run,) = list_runs(RunsConfig(str(tmp_path)))

    assert (run.name, run.command, run.state) == ("train/a", "train", RunState.FINISHED)
    assert (run.step, run.num_steps, run.num_processes) == (3, 10, 8)
    assert run.losses == {"loss": 1.0, "lm_loss": 0.5}
    assert run.evaluation == {"mqa/accuracy": Best(0.6, 2)}
    assert (run.samples_per_s, run.duration_s, run.started) == (4.0, 180.0, START)
    assert (run.num_parameters, run.git_commit) == (7_600_000_000, "0123456789abcdef-dirty")


def test_time_is_that_of_all_starts_together(tmp_path: Path) -> None:
    write_training(tmp_path, [3.0, 2.0])
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step":3,"loss":1.0,"time_s":50.0}\n{"step":4,"loss":1.0,"time_s":70.0}\n{"step":5,"lo')

    (run,) = list_runs(RunsConfig(str(tmp_path)))

    assert (run.name, run.step, run.duration_s) == (tmp_path.name, 4, 190.0)


@pytest.mark.parametrize("command", ["evaluate", "evaluate-api"])
def test_an_evaluation_in_figures(tmp_path: Path, command: str) -> None:
    write_run(tmp_path / "e", command, minutes=2)
    assert listed(tmp_path)["e"].state is RunState.RUNNING
    write_json(tmp_path / "e" / "metrics.json", {"mqa": {"accuracy": 0.7}, "direct": {"exact": 0.1, "action": 0.3}})
    run = listed(tmp_path)["e"]

    assert (run.state, run.duration_s, run.step) == (RunState.FINISHED, 120.0, None)
    assert run.evaluation == {"mqa/accuracy": Best(0.7), "direct/action": Best(0.3)}


@pytest.mark.parametrize(("quiet_s", "state"), [(10, RunState.RUNNING), (3600, RunState.STOPPED)])
def test_an_unfinished_run_is_judged_by_its_last_sign_of_life(tmp_path: Path, quiet_s: float, state: RunState) -> None:
    write_training(tmp_path / "a", [1.0], finished=False)
    for path in (tmp_path / "a").iterdir():
        os.utime(path, (0, time.time() - quiet_s))

    assert listed(tmp_path)["a"].state is state


def test_other_commands_write_their_record_last(tmp_path: Path) -> None:
    write_run(tmp_path / "sft", "build-sft")
    write_run(tmp_path / "notes", "annotate")
    write_json(tmp_path / "notes" / "manifest.json", {"complete": False})

    assert {name: run.state for name, run in listed(tmp_path).items()} == {
        "sft": RunState.FINISHED,
        "notes": RunState.RUNNING,
    }


def test_nothing_is_skipped_without_a_word(tmp_path: Path) -> None:
    write_training(tmp_path / "good", [1.0])
    (tmp_path / "good" / "checkpoint-1").mkdir()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "run.json").write_text('{"comm')
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.json").write_text('{"name": "x"}')
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "log.txt").write_text("")
    write_training(tmp_path / "lines", [1.0])
    (tmp_path / "lines" / "metrics.jsonl").write_text('{"loss": 1}\n')
    (tmp_path / "videos" / "P01").mkdir(parents=True)
    (tmp_path / "a" / "b").mkdir(parents=True)
    write_run(tmp_path / "a" / "c", "export")
    runs = listed(tmp_path)
    lines = "\n".join(problems(list(runs.values())))

    assert {name for name, run in runs.items() if run.state is RunState.FINISHED} == {"good", "a/c"}
    assert {name for name, run in runs.items() if run.state is RunState.DAMAGED} == {"half", "other", "begun", "lines"}
    assert {name for name, run in runs.items() if run.state is RunState.NONE} == {"videos", "a/b"}
    assert "half/run.json: not JSON" in lines
    assert "names no command" in lines
    assert "begun/run.json: no such file" in lines
    assert "metrics.jsonl:1: not a line of metrics" in lines
    assert "videos: none: no run in it" in lines
    assert "good" not in lines


def test_runs_inside_the_folder_of_another_are_found(tmp_path: Path) -> None:
    write_run(tmp_path, "report")
    write_training(tmp_path / "train" / "a", [1.0])
    (tmp_path / "kitchen").mkdir()
    write_run(tmp_path / "train" / "a" / "evaluations" / "step-1", "evaluate")

    assert set(listed(tmp_path)) == {tmp_path.name, "train/a"}
    assert set(listed(tmp_path, depth=0)) == {tmp_path.name}
    assert listed(tmp_path / "train", depth=0)["train"].problem == "not searched: deeper than depth allows"


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        (SortBy.STARTED, ["b", "a", "c"]),
        (SortBy.NAME, ["a", "b", "c"]),
        (SortBy.LOSS, ["b", "a", "c"]),
        (SortBy.EVALUATION, ["a", "b", "c"]),
        (SortBy.DURATION, ["a", "b", "c"]),
        (SortBy.THROUGHPUT, ["a", "b", "c"]),
    ],
)
def test_order(tmp_path: Path, sort: SortBy, names: list[str]) -> None:
    write_training(tmp_path / "a", [3.0, 2.0, 2.0], accuracy={1: 0.5}, start=START + timedelta(days=1))
    write_training(tmp_path / "b", [3.0, 1.0], accuracy={2: 0.4})
    write_run(tmp_path / "c", "build-sft", start=START + timedelta(days=2), minutes=1)

    assert [run.name for run in list_runs(RunsConfig(str(tmp_path), sort))] == names


def shown(folder: Path, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, no_color=True, soft_wrap=True)
    table = to_table(list_runs(RunsConfig(str(folder))), console)
    console.print(table, width=table.width)
    return Text.from_ansi(console.file.getvalue()).plain  # type: ignore[attr-defined]


def test_the_table_has_the_columns_that_fit(tmp_path: Path) -> None:
    write_training(tmp_path / "a[b]", [3.0, 1.23456], accuracy={2: 0.4})
    wide, narrow = shown(tmp_path, 160), shown(tmp_path, 70)

    for text in (
        "a[b]",
        "2 of 10",
        "1.235",
        "mqa/accuracy 40.0 @2",
        "2 m 00 s",
        "7.6B",
        "01234567*",
        "2026-01-02 03:00",
    ):
        assert text in wide
    assert "mqa/accuracy 40.0 @2" in narrow
    assert "01234567*" not in narrow
    assert max(map(len, narrow.splitlines())) <= 70


def test_json_and_csv_hold_everything(tmp_path: Path) -> None:
    write_training(tmp_path / "a", [3.0, 1.5], accuracy={2: 0.4})
    write_run(tmp_path / "b", "build-sft")
    runs = list_runs(RunsConfig(str(tmp_path), SortBy.NAME))
    first, second = to_objects(runs)
    row, other = csv.DictReader(io.StringIO(to_csv(runs)))

    assert first["losses"] == {"loss": 1.5, "lm_loss": 0.75}
    assert first["evaluation"] == {"mqa/accuracy": {"value": 0.4, "step": 2}}
    assert (first["started"], second["state"]) == ("2026-01-02 03:00:00", "finished")
    assert (row["loss"], row["eval/mqa/accuracy"], row["eval/mqa/accuracy step"]) == ("1.5", "0.4", "2")
    assert (other["command"], other["loss"]) == ("build-sft", "")


def test_units() -> None:
    assert [shown_time(seconds) for seconds in (5, 65, 3661)] == ["5 s", "1 m 05 s", "1 h 01 m"]
    assert [shown_count(number) for number in (12, 446_848, 894_000_000, 8_030_000_000)] == [
        "12",
        "447K",
        "894M",
        "8.03B",
    ]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        list_runs(RunsConfig(str(tmp_path / "runs")))
    with pytest.raises(ConfigError, match="depth = -1"):
        RunsConfig(depth=-1)
