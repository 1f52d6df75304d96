"""Checks of video files: what is missing or broken is found and named, what is fine is not."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from llavaction.annotations.epic_kitchens import VideoInfo
from llavaction.utils.errors import ConfigError, DataError
from llavaction.video.check import check_video, videos_on_disk
from llavaction.video.chunking import ChunkingConfig, chunk_video
from llavaction.video.layout import VideoConfig, VideoLayout
from llavaction.video.report import CheckedVideo, Problem, VideoReport
from tests.video.numbered import encode_at

Write = Callable[..., Path]
INFO = VideoInfo("P01_01", 8.7, 59.94)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, write_numbered: Write) -> Path:
    """P01_01: chunks of 2 s at 10 fps, 8.7 s in all."""
    folder = tmp_path_factory.mktemp("checked")
    for chunk, length in enumerate([20, 20, 20, 20, 7]):
        write_numbered(folder / "P01" / "P01_01.MP4" / f"{2 * chunk}.MP4", length, first=20 * chunk)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def chunk(folder: Path, start_s: int) -> Path:
    return folder / "P01" / "P01_01.MP4" / f"{start_s}.MP4"


def check(folder: Path, info: VideoInfo | None = INFO, **options: bool) -> CheckedVideo:
    return check_video("P01_01", info, VideoConfig(str(folder), chunk_s=2.0), **options)


def found(folder: Path, info: VideoInfo | None = INFO, **options: bool) -> list[tuple[float, float, str]]:
    return [(problem.start_s, problem.stop_s, problem.problem) for problem in check(folder, info, **options).problems]


@pytest.mark.parametrize("info", [INFO, None])
def test_nothing_is_wrong(made: Path, info: VideoInfo | None) -> None:
    assert check(made, info) == CheckedVideo("P01_01", 5, pytest.approx(8.7), ())
    assert check(made, info, every_frame=True).problems == ()


def test_missing_chunks(folder: Path) -> None:
    chunk(folder, 2).unlink()
    assert found(folder, None) == [(2, 4, "this chunk is missing; chunk the video again")]
    chunk(folder, 4).unlink()
    ((start_s, stop_s, text),) = found(folder)
    assert (start_s, stop_s) == (2, 6) and "all chunks from here to 4.MP4 are missing" in text
    assert check(folder).problems[0].file == str(chunk(folder, 2))


def test_the_end_is_missing(folder: Path, write_numbered: Write) -> None:
    chunk(folder, 8).unlink()
    assert found(folder, None) == []
    # Less than the clip loader allows for: segments that end there are cut short by it, as with any rounding.
    assert found(folder, VideoInfo("P01_01", 8.9, 50)) == []
    assert found(folder, VideoInfo("P01_01", 9.1, 50)) == [(8, 10, "this chunk is missing; chunk the video again")]
    ((start_s, stop_s, text),) = found(folder, VideoInfo("P01_01", 20.0, 50))
    assert (start_s, stop_s) == (8, 20) and "to 18.MP4 are missing" in text
    write_numbered(chunk(folder, 6), 5, first=60)
    ((start_s, stop_s, text),) = found(folder, VideoInfo("P01_01", 7.9, 50))
    assert (start_s, stop_s) == (6.5, 7.9) and "ends at 6.50 s and should last 7.90 s" in text


def test_short_chunks(folder: Path, write_numbered: Write) -> None:
    write_numbered(chunk(folder, 2), 17, first=20)
    assert found(folder) == []
    write_numbered(chunk(folder, 2), 16, first=20)
    ((start_s, stop_s, text),) = found(folder)
    assert (start_s, stop_s) == (pytest.approx(3.6), 4) and "has 16 of 20 frames" in text


def test_another_video(folder: Path) -> None:
    ((start_s, stop_s, text),) = found(folder, VideoInfo("P01_01", 7.0, 50))
    assert (start_s, stop_s) == (0, pytest.approx(8.7)) and "is this another video?" in text


def test_another_rate_or_size(folder: Path, write_numbered: Write) -> None:
    write_numbered(chunk(folder, 2), 50, fps=25)
    write_numbered(chunk(folder, 4), 20, size=96)
    first, second = found(folder)
    assert first[:2] == (2, 4) and "has 25 frames per second, most chunks have 10" in first[2]
    assert second[:2] == (4, 6) and "is 96 x 96, most chunks are 64 x 64" in second[2]


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_cut_off_chunks(folder: Path, keep: float) -> None:
    data = chunk(folder, 2).read_bytes()
    chunk(folder, 2).write_bytes(data[: int(keep * len(data))])
    ((start_s, stop_s, text),) = found(folder)
    assert (start_s, stop_s) == (2, 4)
    assert "empty" in text if keep == 0 else re.search("not a video|no video stream|cannot be decoded", text)


def test_damage_at_the_end_and_in_the_middle(folder: Path, tmp_path: Path) -> None:
    source = encode_at(tmp_path / "P02_01.mp4", range(120), Fraction(1, 30), width=128, height=128)
    chunk_video("P02_01", source, folder, ChunkingConfig(chunk_s=4))
    path = folder / "P02" / "P02_01.MP4" / "0.MP4"
    data = path.read_bytes()
    config = VideoConfig(str(folder), chunk_s=4.0)
    media = data.index(b"mdat")
    middle = bytearray(data)
    middle[media + len(data) // 3 : media + len(data) // 3 + 200] = bytes(200)
    path.write_bytes(middle)
    assert check_video("P02_01", None, config).problems == ()
    ((problem),) = check_video("P02_01", None, config, every_frame=True).problems
    assert "cannot be decoded" in problem.problem


def test_chunking_that_was_not_finished(tmp_path: Path) -> None:
    source = encode_at(tmp_path / "P01_01.mp4", range(130), Fraction(1, 30))
    chunk_video("P01_01", source, tmp_path / "out", ChunkingConfig(chunk_s=2))
    assert found(tmp_path / "out", None) == []
    (tmp_path / "out" / "P01" / "P01_01.MP4" / "4.MP4").unlink()
    # Our own chunks say how many there are: 0.33 s are within what is allowed, 2.33 s are not.
    assert found(tmp_path / "out", None) == []
    (tmp_path / "out" / "P01" / "P01_01.MP4" / "2.MP4").unlink()
    assert found(tmp_path / "out", None) == [(2, 4, "this chunk is missing; chunk the video again")]
    record = tmp_path / "out" / "P01" / "P01_01.MP4" / ".source.json"
    known = json.loads(record.read_text())
    record.write_text(json.dumps({"source": known["source"], "source_bytes": known["source_bytes"]}))
    assert found(tmp_path / "out", None) == [(2, math.inf, "chunking was not finished; run it again")]


def test_whole_files(tmp_path: Path, write_numbered: Write) -> None:
    config = VideoConfig(str(tmp_path), VideoLayout.WHOLE)
    path = write_numbered(tmp_path / "P01" / "P01_01.MP4", 87)
    assert videos_on_disk(config) == ["P01_01"]
    assert check_video("P01_01", INFO, config) == CheckedVideo("P01_01", 1, pytest.approx(8.7), ())
    (problem,) = check_video("P01_01", VideoInfo("P01_01", 10.0, 50), config).problems
    assert (problem.start_s, problem.stop_s) == (pytest.approx(8.7), 10.0)
    path.write_bytes(path.read_bytes()[:2000])
    (problem,) = check_video("P01_01", INFO, config).problems
    assert (problem.start_s, problem.stop_s) == (0, 8.7) and "not a video" in problem.problem


def test_a_real_damaged_video(real_videos: Path) -> None:
    config = VideoConfig(str(real_videos), VideoLayout.WHOLE)
    assert check_video("flipping_a_pancake", None, config).problems == ()
    (problem,) = check_video("corrupted", None, config).problems
    assert "corrupted.mp4: cannot be decoded" in problem.problem


def test_a_video_that_is_not_there(made: Path) -> None:
    checked = check_video("P09_01", VideoInfo("P09_01", 60.0, 50), VideoConfig(str(made)))
    assert (checked.num_files, checked.problems[0].start_s, checked.problems[0].stop_s) == (0, 0, 60)
    assert videos_on_disk(VideoConfig(str(made))) == ["P01_01"]
    with pytest.raises(ConfigError, match="only chunks and whole files can be checked"):
        videos_on_disk(VideoConfig(str(made), VideoLayout.SEGMENTS))


@pytest.fixture
def report() -> VideoReport:
    problems = (
        Problem("P01_01", "videos/15.MP4", 15.0, 30.0, "this chunk is missing"),
        Problem("P01_01", "videos/45.MP4", 50.0, math.inf, "chunking was not finished"),
    )
    videos = [CheckedVideo("P01_01", 3, 50.0, problems), CheckedVideo("P01_02", 2, 20.0, ())]
    return VideoReport.of("videos", "chunks", "info.csv", videos)


def test_stretches_that_touch_a_problem(report: VideoReport) -> None:
    for start_s, stop_s in ((0, 15.1), (14, 31), (20, 21), (29.9, 40)):
        assert report.problem("P01_01", start_s, stop_s) == "videos/15.MP4: this chunk is missing"
    for start_s, stop_s in ((0, 15), (30, 45), (49, 50)):
        assert report.problem("P01_01", start_s, stop_s) is None
    assert report.problem("P01_01", 49, 50.5) == "videos/45.MP4: chunking was not finished"


def test_stretches_after_the_end(report: VideoReport) -> None:
    assert report.problem("P01_02", 18, 21) is None
    for start_s, stop_s in ((18, 21.1), (20, 20.5), (100, 101)):
        assert report.problem("P01_02", start_s, stop_s) == "video P01_02 ends at 20.00 s"


def test_a_video_that_was_not_looked_at_is_not_fine(report: VideoReport) -> None:
    assert report.covers("P01_01") and report.covers("P01_02") and not report.covers("P01_03")
    assert report.problem("P01_03", 0, 1) == (
        "video P01_03 is not in the report; check it with data_prep/check_videos.py"
    )


def test_reports_are_read_as_they_were_written(report: VideoReport, tmp_path: Path) -> None:
    report.save(tmp_path / "video_report.json")
    assert VideoReport.load(tmp_path / "video_report.json") == report
    row = json.loads((tmp_path / "video_report.json").read_text())
    assert (row["num_videos"], row["num_files"], len(row["problems"])) == (2, 5, 2)


@pytest.mark.parametrize("wrong", ["[]", "{}", '{"problems": [], "videos": {"P01_01": {}}}'])
def test_what_is_no_report(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "x.json").write_text(wrong)
    with pytest.raises(DataError, match=r"x\.json: not a report of data_prep/check_videos\.py"):
        VideoReport.load(tmp_path / "x.json")
