"""data_prep/check_videos.py: what it prints, writes and returns."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from llavaction.video.report import VideoReport
from tests.video.numbered import encode_at

Run = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path, run_script: Run, capsys: pytest.CaptureFixture[str]) -> Path:
    """Chunks of two videos of 5 s, made by chunk_videos.py."""
    for video_id in ("P01_01", "P02_01"):
        encode_at(tmp_path / "in" / f"{video_id}.mp4", range(150), Fraction(1, 30))
    assert run_script("chunk_videos", tmp_path / "in", tmp_path / "out", "--chunk-s", 2, "--workers", 1) == 0
    capsys.readouterr()
    return tmp_path / "out"


def test_without_a_table(folder: Path, run_script: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script("check_videos", folder, "--chunk-s", 2, "--workers", 2) == 0
    printed = capsys.readouterr().out
    assert "2 videos, 6 files, 0 problems" in printed and "no table of durations" in printed
    report = VideoReport.load(folder / "video_report.json")
    assert list(report.videos) == ["P01_01", "P02_01"] and report.table is None
    assert report.problem("P02_01", 3.0, 5.0) is None


def test_with_a_table(folder: Path, tmp_path: Path, run_script: Run, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "info.csv"
    table.write_text("video_id,duration,fps\nP01_01,5.0,50\nP03_01,9.0,50\n")
    (folder / "P01" / "P01_01.MP4" / "2.MP4").unlink()
    words = [folder, "--chunk-s", 2, "--workers", 1, "--video-info", table, "--report", tmp_path / "found.json"]
    assert run_script("check_videos", *words) == 2
    printed = capsys.readouterr().out
    assert "3 videos, 5 files, 2 problems" in printed
    assert "1 videos are not in the table, such as P02_01" in printed
    assert "this chunk is missing" in " ".join(printed.replace("│", " ").split())
    report = VideoReport.load(tmp_path / "found.json")
    assert report.problem("P01_01", 1.0, 2.5) is not None and report.problem("P01_01", 0.5, 2.0) is None
    assert "no folder of chunks" in str(report.problem("P03_01", 0.0, 1.0))


def test_only_some_videos(folder: Path, tmp_path: Path, run_script: Run) -> None:
    assert (
        run_script("check_videos", folder, "--chunk-s", 2, "--workers", 1, "--videos", "P02_01", "--every-frame") == 0
    )
    assert not VideoReport.load(folder / "video_report.json").covers("P01_01")


def test_errors(folder: Path, tmp_path: Path, run_script: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script("check_videos", folder, "--video-info", tmp_path / "absent.csv") == 2
    assert "absent.csv: no such file" in " ".join(capsys.readouterr().err.split())
    assert run_script("check_videos", folder, "--videos", "../P01_01", "--workers", 1) == 2
    assert "would leave" in " ".join(capsys.readouterr().err.split())
