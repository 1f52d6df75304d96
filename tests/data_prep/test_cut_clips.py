"""data_prep/cut_clips.py: a table in, files out, again nothing to do."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig, VideoLayout
from tests.video.numbered import encode_at, read_number

Run = Callable[..., int]


def test_clips_of_a_table(tmp_path: Path, run_script: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for video_id in ("P01_01", "P02_01"):
        encode_at(tmp_path / "in" / f"{video_id}.mp4", range(60), Fraction(1, 10))
    table = tmp_path / "clips.csv"
    rows = ["P01/P01_01_0.mp4,P01_01,1,2.5", "P01/P01_01_1.mp4,P01_01,7.5,9", "P02/P02_01_0.mp4,P02_01,3,5"]
    table.write_text("\n".join(["file,video_id,start_s,stop_s", *rows]))
    words = [table, tmp_path / "in", tmp_path / "out", "--layout", "whole"]
    assert run_script("cut_clips", *words, "--workers", 2) == 2
    printed = capsys.readouterr()
    assert "2 clips of 2 videos, 2 written" in printed.out
    problem = " ".join(printed.err.split())
    assert "P01/P01_01_1.mp4: video P01_01, 7.5 s to 9 s" in problem and "ends at 6.00 s" in problem
    # They are what the layout of segments reads.
    loader = ClipLoader(VideoConfig(str(tmp_path / "out"), VideoLayout.SEGMENTS, extension=".mp4"))
    frames = loader.load("P02_01", 3.0, 5.0, segment_id="P02_01_0", num_frames=20).frames
    assert [read_number(image) for image in frames] == list(range(30, 50))
    table.write_text("\n".join(["file,video_id,start_s,stop_s", rows[0], rows[2]]))
    assert run_script("cut_clips", *words, "--workers", 1) == 0
    assert "2 clips of 2 videos, 0 written" in capsys.readouterr().out


def test_shards_and_settings(tmp_path: Path, run_script: Run, capsys: pytest.CaptureFixture[str]) -> None:
    encode_at(tmp_path / "in" / "P01_01.mp4", range(60), Fraction(1, 10))
    table = tmp_path / "clips.csv"
    table.write_text("file,video_id,start_s,stop_s\na.mp4,P01_01,1,2\n")
    words = [table, tmp_path / "in", tmp_path / "out", "--layout", "whole", "--workers", 1]
    for shard in ("0/2", "1/2"):
        assert run_script("cut_clips", *words, "--shard", shard) == 0
    assert sorted(line.split()[-5] for line in capsys.readouterr().out.splitlines()) == ["0", "1"]
    assert run_script("cut_clips", *words, "--crf", 30) == 2
    assert "was made with crf=18, not 30" in " ".join(capsys.readouterr().err.split())
