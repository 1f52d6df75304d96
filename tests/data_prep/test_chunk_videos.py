"""data_prep/chunk_videos.py: whole folders, several processes, and runs that are killed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.data_prep.conftest import start_script
from tests.video.numbered import encode_at

pytestmark = pytest.mark.thorough

Run = Callable[..., int]
VIDEO_IDS = ["P01_01", "P01_02", "P02_01", "P02_02"]
SECONDS = 16


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four videos in EPIC-KITCHENS' layout: 16 s at 50 frames per second."""
    folder = tmp_path_factory.mktemp("sources")
    for video_id in VIDEO_IDS:
        path = folder / video_id[:3] / "videos" / f"{video_id}.MP4"
        encode_at(path, range(SECONDS * 50), Fraction(1, 50), width=64, height=64)
    return folder


@pytest.fixture(scope="module")
def whole(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chunks that a run by itself, on one process, makes of them."""
    folder = tmp_path_factory.mktemp("whole")
    process = start_script("chunk_videos", sources, folder, "--chunk-s", 2, "--workers", 1)
    assert process.wait(60) == 0
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_of_videos(whole: Path) -> None:
    names = {str(path.relative_to(whole)) for path in whole.rglob("*.MP4") if path.is_file()}
    assert names == {
        f"{video_id[:3]}/{video_id}.MP4/{start_s}.MP4" for video_id in VIDEO_IDS for start_s in range(0, SECONDS, 2)
    }
    assert json.loads((whole / "chunking.json").read_text())["short_side"] == 320


def test_two_shards_at_once(sources: Path, whole: Path, tmp_path: Path) -> None:
    shards = [
        start_script("chunk_videos", sources, tmp_path, "--chunk-s", 2, "--workers", 1, "--shard", f"{shard}/2")
        for shard in range(2)
    ]
    printed = [shard.communicate(timeout=60)[0] for shard in shards]
    assert [shard.returncode for shard in shards] == [0, 0]
    assert sorted(int(text.split(": ")[1].split()[0]) for text in printed) != [0, 4]
    assert content(tmp_path) == content(whole)


def test_a_killed_run_goes_on_to_the_same_bytes(sources: Path, whole: Path, tmp_path: Path) -> None:
    words = [sources, tmp_path, "--chunk-s", 2, "--workers", 2]
    process = start_script("chunk_videos", *words)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*/*/[0-9]*.MP4"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = [int(word) for word in children.read_text().split()] if children.exists() else []
    process.kill()
    process.communicate()
    while any(is_running(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(is_running(worker) for worker in workers)
    before = content(tmp_path)
    assert 3 <= sum(name.endswith(".MP4") for name in before) < len(VIDEO_IDS) * SECONDS // 2

    again = start_script("chunk_videos", *words)

    assert again.wait(60) == 0
    assert content(tmp_path) == content(whole)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_a_broken_video_does_not_stop_the_others(
    run_script: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for video_id in ("P01_01", "P01_03"):
        encode_at(tmp_path / "in" / f"{video_id}.mp4", range(40), Fraction(1, 30))
    (tmp_path / "in" / "P01_02.mp4").write_bytes(b"not a video" * 100)
    assert run_script("chunk_videos", tmp_path / "in", tmp_path / "out", "--workers", 1) == 2
    printed = capsys.readouterr()
    assert "2 videos, 0.00 hours, 2 chunks written" in printed.out
    assert "P01_02: " in printed.err and "error: 1 of 3 videos could not be chunked" in printed.err
    assert run_script("chunk_videos", tmp_path / "in", tmp_path / "out", "--videos", "P01_01", "--workers", 1) == 0
    assert "1 videos, 0.00 hours, 0 chunks written" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--short-side", 321], "short_side=321 must be even"),
        (["--crf", 30], "was made with crf=19, not 30"),
        (["--shard", "2/2"], "shard '2/2' must be i/n"),
        (["--videos", "P09_09"], "no source for video 'P09_09'"),
        (["--workers", 0], "workers is 0"),
    ],
)
def test_wrong_options(
    run_script: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[object], problem: str
) -> None:
    encode_at(tmp_path / "in" / "P01_01.mp4", range(10), Fraction(1, 30))
    assert run_script("chunk_videos", tmp_path / "in", tmp_path / "out", "--workers", 1) == 0
    assert run_script("chunk_videos", tmp_path / "in", tmp_path / "out", "--workers", 1, *words) == 2
    assert problem in " ".join(capsys.readouterr().err.split())
