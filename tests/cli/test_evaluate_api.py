"""The commands as they are typed, against a server on this machine."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from llavaction.cli.main import USER_ERROR, main
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.judging.verdicts import read_verdicts
from llavaction.evaluation.predictions import read_rows
from llavaction.utils.jsonl import read_json
from tests.api.fixtures import *  # noqa: F403
from tests.api.server import Answer, Asked, Raw, Server
from tests.api.worlds import KEY
from tests.commands import start_command
from tests.evaluation.contestants.worlds import NUM_QUESTIONS, World, build_world, choose_last

pytestmark = [pytest.mark.usefixtures("short_waits"), pytest.mark.thorough]

REPO_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("SERVER_KEY", KEY)
    server.behave = choose_last


def words(world: World, folder: Path, server: Server, *more: str) -> list[str]:
    """What is typed after `llavaction`."""
    return [
        "evaluate-api",
        f"paths.sft={world.sft}",
        f"paths.videos={world.video.folder}",
        f"paths.output={folder}",
        "video=whole",
        f"api.base_url={server.base_url}",
        "api.key_variable=SERVER_KEY",
        "api.requests_per_minute=null",
        *more,
    ]


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_a_run_writes_what_a_local_one_does(
    world: World, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = ("api.input_price=2.5", "api.output_price=10")

    assert main(words(world, tmp_path, server, *prices)) == 0
    folder = tmp_path / "evaluate/api"
    assert {path.name for path in folder.iterdir()} == {
        *("rows", "metrics.json", "classes.json", "config.yaml", "run.json", "log.txt", "costs.json"),
    }
    assert len(read_rows(folder / "rows/mqa.jsonl")) == NUM_QUESTIONS
    record = read_json(folder / "run.json")
    assert (record["model"], record["prompt"]) == ("gpt-4o", {"name": "frames_in_order", "version": 1})
    assert list(record["data_sha256"]) == [str(world.sft / "validation_mqa.jsonl")]
    assert {asked.body["temperature"] for asked in server.asked} == {0.0}
    assert [len(asked.body["messages"][1]["content"]) for asked in server.asked] == [8 + 1] * NUM_QUESTIONS
    log = told(capsys)
    assert "4 questions, 0 of them settled; 4 requests to gpt-4o and 0 cached replies; about" in log
    assert "4 replies asked for, 0 cached, 0 tries repeated, 0 refusals; 4,000 input and 400 output tokens" in log


def test_a_dry_run_only_tells(
    world: World, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SERVER_KEY")
    more = ("api=gpt_4o_mini", "api.dry_run=true", "api.input_price=0.15", "api.output_price=0.6")

    assert main(words(world, tmp_path, server, *more)) == 0
    found = re.fullmatch(
        r"4 questions, 0 of them settled; 4 requests to gpt-4o-mini and 0 cached replies; about ([\d,]+) input and 128 "
        r"output tokens for about 0\.07\n",
        capsys.readouterr().out,
    )
    assert found and int(found.group(1).replace(",", "")) > 4 * 8 * 14167
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


def test_the_key_is_written_nowhere(
    world: World, tmp_path: Path, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    def behave(asked: Asked) -> Any:
        if "wash plate" in asked.text:
            return Answer(f"{asked.authorization} chooses nothing.")
        return Raw(500, json.dumps({"error": {"message": f"failed for {KEY}"}}))

    server.behave = behave
    assert main(words(world, tmp_path, server, "api.max_retries=0")) == USER_ERROR
    assert "failed for [key]" in (tmp_path / "evaluate/api/unanswered.jsonl").read_text()
    server.behave = lambda asked: Raw(401, json.dumps({"error": {"message": f"wrong key: {asked.authorization}"}}))
    assert main(words(world, tmp_path, server)) == USER_ERROR
    said = capfd.readouterr()
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]

    assert any(asked.authorization == f"Bearer {KEY}" for asked in server.asked)
    assert [text for text in texts if KEY.encode() in text] == []
    assert KEY not in said.out + said.err
    # What the server repeated is there, without the key.
    assert "wrong key: Bearer [key]" in said.err
    assert any(b"Bearer [key] chooses nothing" in text for text in texts)


def test_a_run_goes_on_with_more_money_but_not_with_another_model(
    world: World, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = ("api.input_price=1", "api.output_price=0", "api.concurrency=1", "api.frame_tokens=100")

    assert main(words(world, tmp_path, server, *prices, "api.budget=0.0022")) == USER_ERROR
    assert re.search(r"api\.budget = 0\.0022 2 of 4 questions are without an answer", told(capsys))
    for change in ("api.model=gpt-5", "api.num_frames=4", "evaluation.seed=3", "api.prompt.version=2"):
        assert main(words(world, tmp_path, server, *prices, change)) == USER_ERROR
        assert f"differs from this configuration in {change.split('=')[0].replace('.version', '')};" in told(capsys)
    assert main(words(world, tmp_path, server, *prices, "api.budget=1", "api.concurrency=3")) == 0
    assert len(server.asked) == NUM_QUESTIONS
    assert read_json(tmp_path / "evaluate/api/costs.json")["total"]["spent"] == pytest.approx(0.004)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (("evaluation=mqa_direct",), "evaluation.tasks.mqa.mode=generate"),
        (("+evaluation.tasks.head={task: action_head, samples: x}",), "~evaluation.tasks.head"),
        (("~evaluation.tasks.mqa",), "no tasks to evaluate"),
        (("paths.sft=nowhere",), "nowhere/classes.json: no such file"),
    ],
)
def test_what_cannot_be_asked_is_told_at_once(
    world: World, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], text: str
) -> None:
    assert main(words(world, tmp_path, server, *more)) == USER_ERROR
    assert text in told(capsys)
    assert server.asked == []


def test_one_process_is_enough(
    world: World, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")

    assert main(words(world, tmp_path, server)) == USER_ERROR
    assert "raise api.concurrency" in told(capsys)


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_killed_goes_on(world: World, tmp_path: Path, server: Server, end: signal.Signals) -> None:
    cyclic = words(world, tmp_path, server, "evaluation.tasks.mqa.order=cyclic", "api.concurrency=1")
    server.delay_s = 0.1
    process = start_command(cyclic, SERVER_KEY=KEY)
    until = time.monotonic() + 60
    while len(server.asked) < 5 and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(end)
    _, error = process.communicate(timeout=30)

    assert process.returncode == (130 if end is signal.SIGINT else -end)
    assert b"Traceback" not in error
    assert 5 <= len(server.asked) < 12
    assert not (tmp_path / "evaluate/api/metrics.json").exists()
    server.delay_s = 0
    assert main(cyclic) == 0
    # At most the one that was on its way.
    assert server.repeated() <= 1
    assert len({asked.name for asked in server.asked}) == 12
    assert len(read_rows(tmp_path / "evaluate/api/rows/mqa.jsonl")) == NUM_QUESTIONS


def test_descriptions_are_judged(
    world: World, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    def behave(asked: Asked) -> Answer:
        if asked.kind == "caption":
            return Answer("I wash a plate.")
        return Answer(json.dumps({"reason": "Seen.", "score": 5 if "wash plate" in asked.text else 1}))

    server.behave = behave
    task = f"+evaluation.tasks.told={{task: {TaskName.CAPTION}, samples: {world.sft / 'validation_caption.jsonl'}}}"
    assert main(words(world, tmp_path, server, task, "~evaluation.tasks.mqa")) == 0
    run = tmp_path / "evaluate/api"
    judge = [
        *("judge-captions", f"run={run}", "task=told", f"paths.output={tmp_path}"),
        *(f"judge.base_url={server.base_url}", "judge.key_variable=SERVER_KEY", "judge.requests_per_minute=null"),
    ]
    assert main([*judge, "judge.dry_run=true"]) == 0
    assert "4 descriptions, 0 of them settled; 4 requests to gpt-4o" in capsys.readouterr().out
    assert main(judge) == 0

    assert capsys.readouterr().out == "told: 2.00 of 5, 4 descriptions\n"
    assert sorted(verdict.score for verdict in read_verdicts(run / "judged/told.jsonl")) == [1, 1, 1, 5]
    summary = read_json(run / "judged/told.json")
    assert (summary["complete"], summary["score"]["value"], summary["counts"]) == (True, 2.0, {"1": 3, "5": 1})
    assert main([*judge[:1], f"run={run}", "task=mqa", *judge[3:]]) == USER_ERROR
