"""The command as it is typed, against a server on this machine."""

from __future__ import annotations

import json
import re
import signal
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llavaction.api import client
from llavaction.cli.main import USER_ERROR, main
from llavaction.sft.annotator.records import read_clip_annotations
from llavaction.utils.jsonl import read_json
from tests.annotations.ek100_files import TRAIN, write_ek100
from tests.api.server import Answer, Asked, Cut, Raw, Server, serving
from tests.api.worlds import KEY, write_video
from tests.commands import start_command

pytestmark = pytest.mark.thorough

REPO_ROOT = Path(__file__).resolve().parents[2]
NUM_SEGMENTS = len(TRAIN)
RESULTS = ("annotations.jsonl", "failures.jsonl")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations and the one film of their training split."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "annotations").mkdir()
    write_ek100(folder / "annotations")
    write_video(folder / "videos", seconds=55)
    return folder


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, fast waits, and no certificates to load."""
    monkeypatch.setenv("SERVER_KEY", KEY)
    monkeypatch.setattr(client, "FIRST_WAIT_S", 0.005)
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *args, **kwargs: None)


def words(data: Path, output: Path, server: Server, *more: str) -> list[str]:
    """What is typed after `llavaction`."""
    return [
        "annotate",
        f"paths.annotations={data / 'annotations'}",
        f"paths.videos={data / 'videos'}",
        f"paths.output={output}",
        "video=whole",
        f"annotator.base_url={server.base_url}",
        "annotator.model=tiny-vlm",
        "annotator.key_variable=SERVER_KEY",
        "annotator.requests_per_minute=null",
        *more,
    ]


def results(output: Path) -> list[bytes]:
    """The bytes of both files."""
    return [(output / "annotate/first_person" / name).read_bytes() for name in RESULTS]


def manifest(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(output / "annotate/first_person/manifest.json")
    return found


def answered(asked: Asked, narration: str) -> bool:
    return f'"{narration}"' in asked.text


def misbehave(asked: Asked) -> Any:
    """Some of everything; the key comes back in texts that are kept."""
    if asked.kind == "pairs":
        return None
    if asked.number == 0:
        if answered(asked, "open tap"):
            return Raw(429, json.dumps({"error": {"message": f"slow down, {KEY}"}}), {"Retry-After": "0"})
        if answered(asked, "take cup"):
            return Cut()
    if answered(asked, "wash knife"):
        return Answer(json.dumps({"agrees": False, "caption": f"{asked.authorization} holds a spoon."}))
    if answered(asked, "open drawer"):
        return Answer(f"{KEY} is no JSON")
    if answered(asked, "wash cup"):
        return Raw(400, json.dumps({"error": {"message": f"bad request with {asked.authorization}"}}))
    return None


def test_a_run(data: Path, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.behave = misbehave
    prices = ("annotator.input_price=1", "annotator.output_price=10")

    assert main(words(data, tmp_path, server, *prices)) == 0
    folder = tmp_path / "annotate/first_person"
    annotations = read_clip_annotations(folder / "annotations.jsonl")
    failures = [json.loads(line) for line in (folder / "failures.jsonl").read_text().splitlines()]
    record = manifest(tmp_path)

    assert len(annotations) == NUM_SEGMENTS - 3
    assert {row["segment_id"]: row["reason"] for row in failures} == {
        "P01_01_4": "disagrees",
        "P01_01_6": "not_json",
        "P01_01_8": "rejected",
    }
    assert record["complete"] is True
    assert record["segments"] == {
        "chosen": NUM_SEGMENTS,
        "annotated": NUM_SEGMENTS - 3,
        "disagreed": 1,
        "failed": {"not_json": 1, "rejected": 1},
        "missing": 0,
    }
    assert record["requests"] == {
        "asked": 2 * (NUM_SEGMENTS - 3) + 1 + 3,
        "cached": 0,
        "retried": 2,
        "without_token_counts": 0,
    }
    assert record["spent"] == pytest.approx((11 * 1000 + 7 * 40 + 18 * 100 * 10) / 1e6)
    assert record["prompt"] == {"name": "first_person", "version": 1}
    assert record["sources"].keys() >= {"EPIC_100_train.csv"}
    assert {path.name for path in folder.iterdir()} == {
        *RESULTS,
        "manifest.json",
        "config.yaml",
        "run.json",
        "log.txt",
    }
    log = " ".join(capsys.readouterr().err.split())
    assert f"{NUM_SEGMENTS} segments, 0 of them settled; 20 requests to tiny-vlm and 0 cached replies" in log
    assert "7 of 10 segments annotated, 1 labels disagreed with, 2 failed (1 not_json, 1 rejected), 0 missing" in log


def test_the_key_is_written_nowhere(
    data: Path, tmp_path: Path, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    server.behave = misbehave
    assert main(words(data, tmp_path, server)) == 0
    server.behave = lambda asked: Raw(401, json.dumps({"error": {"message": f"wrong key: {asked.authorization}"}}))
    assert main(words(data, tmp_path, server, "annotator.seed=1", "annotator.short_side=32")) == USER_ERROR
    told = capfd.readouterr()
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]

    assert any(asked.authorization == f"Bearer {KEY}" for asked in server.asked)
    assert len(texts) > 20
    assert [text for text in texts if KEY.encode() in text] == []
    assert KEY not in told.out + told.err
    # What the server repeated is there, without the key.
    assert "wrong key: Bearer [key]" in told.err
    assert "environment variable SERVER_KEY" in " ".join(told.err.split())
    assert any(b"[key] holds a spoon" in text for text in texts)


def test_a_rerun_costs_nothing_and_needs_no_key(
    data: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behave = lambda asked: Answer("no JSON") if answered(asked, "open tap") else None
    assert main(words(data, tmp_path, server)) == 0
    before, num_asked = results(tmp_path), len(server.asked)
    monkeypatch.delenv("SERVER_KEY")

    assert main(words(data, tmp_path, server)) == 0
    assert len(server.asked) == num_asked
    assert results(tmp_path) == before
    assert manifest(tmp_path)["requests"]["asked"] == 0
    assert manifest(tmp_path)["requests"]["cached"] == num_asked


def test_another_output_shares_the_replies(data: Path, tmp_path: Path, server: Server) -> None:
    assert main(words(data, tmp_path, server, "annotator.limit=3")) == 0
    few = {
        annotation.segment_id for annotation in read_clip_annotations(tmp_path / "annotate/first_person" / RESULTS[0])
    }
    assert main(words(data, tmp_path, server, f"output={tmp_path / 'all'}")) == 0

    assert len(few) == 3
    assert server.repeated() == 0
    assert len(read_clip_annotations(tmp_path / "all" / RESULTS[0])) == NUM_SEGMENTS


def test_a_dry_run_only_tells(
    data: Path,
    tmp_path: Path,
    server: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SERVER_KEY")
    more = ("annotator.dry_run=true", "annotator.input_price=2.5", "annotator.output_price=10", "annotator.limit=4")

    assert main(words(data, tmp_path, server, *more)) == 0
    told = capsys.readouterr().out
    assert re.fullmatch(
        r"4 segments, 0 of them settled; 8 requests to tiny-vlm and 0 cached replies; about [\d,]+ input and 1,600 "
        r"output tokens for about 0\.\d\d\n",
        told,
    )
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


def test_the_budget_ends_the_run_and_keeps_what_is_done(
    data: Path, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("annotator.input_price=1", "annotator.output_price=1", "annotator.concurrency=2")

    assert main(words(data, tmp_path, server, *more, "annotator.budget=0.009")) == USER_ERROR
    record = manifest(tmp_path)
    error = " ".join(capsys.readouterr().err.split())
    assert record["complete"] is False
    assert 0 < record["segments"]["annotated"] < NUM_SEGMENTS
    assert record["segments"]["missing"] == NUM_SEGMENTS - record["segments"]["annotated"]
    assert 0 < record["spent"] <= 0.009
    assert "annotator.budget = 0.009" in error
    assert f"{record['segments']['annotated']} of 10 segments are in {tmp_path}" in error
    assert main(words(data, tmp_path, server, *more)) == 0
    assert server.repeated() == 0


def test_segments_without_a_reply_are_an_error(
    data: Path, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.behave = lambda asked: Raw(500) if answered(asked, "open tap") else None

    assert main(words(data, tmp_path, server, "annotator.max_retries=1")) == USER_ERROR
    assert "the same command asks again" in " ".join(capsys.readouterr().err.split())
    assert manifest(tmp_path)["segments"]["failed"] == {"server_fault": 1}
    assert manifest(tmp_path)["complete"] is False
    server.behave = lambda asked: None
    assert main(words(data, tmp_path, server)) == 0
    assert len(read_clip_annotations(tmp_path / "annotate/first_person" / RESULTS[0])) == NUM_SEGMENTS


def test_a_missing_key_is_told_before_anything_is_asked(
    data: Path, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SERVER_KEY")

    assert main(words(data, tmp_path, server)) == USER_ERROR
    assert "environment variable SERVER_KEY is not set" in " ".join(capsys.readouterr().err.split())
    assert server.asked == []


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_killed_goes_on(data: Path, tmp_path: Path, server: Server, end: signal.Signals) -> None:
    server.delay_s = 0.05
    arguments = words(data, tmp_path, server, "annotator.concurrency=2")
    process = start_command(arguments, SERVER_KEY=KEY)
    until = time.monotonic() + 60
    while len(server.asked) < 8 and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(end)
    _, error = process.communicate(timeout=30)
    first = {asked.name for asked in server.asked}

    assert process.returncode == (130 if end is signal.SIGINT else -end)
    assert b"Traceback" not in error
    assert 8 <= len(first) < 2 * NUM_SEGMENTS
    assert not (tmp_path / "annotate/first_person" / RESULTS[0]).exists()
    assert main(arguments) == 0
    # At most the two that were on their way.
    assert server.repeated() <= 2
    assert len({asked.name for asked in server.asked}) == 2 * NUM_SEGMENTS
    assert manifest(tmp_path)["requests"]["cached"] >= len(first) - 2
    assert len(read_clip_annotations(tmp_path / "annotate/first_person" / RESULTS[0])) == NUM_SEGMENTS
