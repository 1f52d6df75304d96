"""Clips in files of their own: exactly the frames asked for, from any layout, once."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from llavaction.utils.errors import ConfigError, DataError
from llavaction.video.backends import VideoBackend, open_reader
from llavaction.video.cutting import ClipRow, CuttingConfig, cut_video, read_clips
from llavaction.video.layout import VideoConfig, VideoLayout
from tests.video.numbered import numbered_frame

Write = Callable[..., Path]
Numbers = Callable[[np.ndarray], list[int]]
CLIPS = [
    ClipRow("P01/a.mp4", "P01_01", 0.5, 2.5),
    ClipRow("b.mkv", "P01_01", 3.9, 8.0),
    ClipRow("c.mp4", "P01_01", 1, 1.01),
]
EXPECTED = {"P01/a.mp4": range(5, 25), "b.mkv": range(39, 75), "c.mp4": range(10, 11)}


def cut(folder: Path, video: VideoConfig, clips: list[ClipRow] = CLIPS, **options: Any) -> Any:
    return cut_video("P01_01", clips, folder, video, CuttingConfig(**options))


def check_clips(folder: Path, numbers_in: Numbers) -> None:
    for name, expected in EXPECTED.items():
        reader = open_reader(folder / name, VideoBackend.PYAV)
        assert numbers_in(reader.read(range(reader.num_frames))) == list(expected)
        assert reader.fps == pytest.approx(10)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory, write_numbered: Write) -> Path:
    """7.5 s at 10 frames per second, in each layout."""
    folder = tmp_path_factory.mktemp("cutting")
    write_numbered(folder / "whole" / "P01_01.MP4", 75)
    for start_s, length in ((0, 30), (3, 30), (6, 15)):
        write_numbered(folder / "chunks" / "P01" / "P01_01.MP4" / f"{start_s}.MP4", length, first=10 * start_s)
    (folder / "frames" / "P01_01").mkdir(parents=True)
    for number in range(75):
        Image.fromarray(numbered_frame(number)).save(folder / "frames" / "P01_01" / f"frame_{number + 1:010d}.jpg")
    return folder


def config(videos: Path, layout: str) -> VideoConfig:
    rate = 10.0 if layout == "frames" else None
    return VideoConfig(str(videos / layout), VideoLayout(layout), chunk_s=3.0, frame_rate=rate)


@pytest.mark.parametrize("layout", ["whole", "chunks", "frames"])
def test_frames_from_any_layout(videos: Path, tmp_path: Path, layout: str, numbers_in: Numbers) -> None:
    result = cut(tmp_path, config(videos, layout))
    assert (result.num_clips, result.num_new, result.failures) == (3, 3, {})
    check_clips(tmp_path, numbers_in)
    with av.open(str(tmp_path / "P01" / "a.mp4")) as container:
        assert container.metadata["comment"] == "P01_01 0.500 2.500"


def test_rates_are_kept_exactly(tmp_path: Path, write_numbered: Write) -> None:
    rate = Fraction(60000, 1001)
    write_numbered(tmp_path / "P01_01.MP4", 120, fps=rate)
    clip = ClipRow("a.mp4", "P01_01", 0.5, 1.5)
    cut(tmp_path / "out", VideoConfig(str(tmp_path), VideoLayout.WHOLE), [clip])
    with av.open(str(tmp_path / "out" / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == rate
        assert container.streams.video[0].frames == 60


def test_odd_sizes_lose_a_row(tmp_path: Path, numbers_in: Numbers) -> None:
    (tmp_path / "P01_01").mkdir()
    for number in range(10):
        Image.fromarray(numbered_frame(number, 65, 67)).save(tmp_path / "P01_01" / f"frame_{number + 1:010d}.jpg")
    video = VideoConfig(str(tmp_path), VideoLayout.FRAMES, frame_rate=10)
    cut(tmp_path / "out", video, [ClipRow("a.mp4", "P01_01", 0, 1)])
    reader = open_reader(tmp_path / "out" / "a.mp4", VideoBackend.PYAV)
    assert (reader.height, reader.width) == (64, 66)
    assert numbers_in(reader.read(range(10))) == list(range(10))


def test_clips_that_are_there_are_kept(videos: Path, tmp_path: Path, numbers_in: Numbers) -> None:
    video = config(videos, "whole")
    cut(tmp_path, video)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.m*")}
    (tmp_path / "b.mkv").unlink()
    (tmp_path / ".123.b.mkv").write_bytes(b"half a clip")
    (tmp_path / ".124.other.mkv").write_bytes(b"another process's")
    assert cut(tmp_path, video).num_new == 1
    assert not (tmp_path / ".123.b.mkv").exists() and (tmp_path / ".124.other.mkv").exists()
    after = {path: path.stat().st_mtime_ns for path in before}
    assert [path.name for path in before if before[path] != after[path]] == ["b.mkv"]
    check_clips(tmp_path, numbers_in)


def test_a_file_with_another_clip_is_refused(videos: Path, tmp_path: Path) -> None:
    video = config(videos, "whole")
    cut(tmp_path, video, [ClipRow("a.mkv", "P01_01", 0.5, 2.5)])
    with pytest.raises(DataError, match=r"a\.mkv: holds 'P01_01 0\.500 2\.500', while the table says 'P01_01 0\.5"):
        cut(tmp_path, video, [ClipRow("a.mkv", "P01_01", 0.5, 2.6)])


def test_a_clip_that_cannot_be_cut(videos: Path, tmp_path: Path) -> None:
    late = ClipRow("late.mp4", "P01_01", 9.0, 10.0)
    result = cut(tmp_path, config(videos, "chunks"), [late, CLIPS[0]])
    assert (result.num_clips, result.num_new) == (1, 1)
    assert "video P01_01, 9 s to 10 s" in result.failures["late.mp4"]
    assert "ends at 7.50 s" in result.failures["late.mp4"]
    with pytest.raises(DataError, match="would leave"):
        cut(tmp_path, config(videos, "whole"), [ClipRow("../a.mp4", "P01_01", 0, 1)])


def test_tables(tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    header = "file,video_id,start_s,stop_s\n"
    table.write_text(header + "b.mp4,P01_02,2.5,3\na.mp4,P01_01,5,6.25\nc.mp4,P01_02,1,2\n")
    clips = read_clips(table)
    assert list(clips) == ["P01_01", "P01_02"]
    assert [clip.file for clip in clips["P01_02"]] == ["c.mp4", "b.mp4"]
    assert clips["P01_01"] == [ClipRow("a.mp4", "P01_01", 5.0, 6.25)]
    for row, problem in (
        ("a.mp4,P01_01,3,3", "need 0 <= start_s < stop_s"),
        ("a.mp4,P01_01,-1,3", "need 0 <= start_s < stop_s"),
        ("a.mp4,P01_01,nan,3", "need 0 <= start_s < stop_s"),
        ("a.mp4,P01_01,one,3", "expected seconds"),
        ("a.avi,P01_01,1,3", "must end in .mp4 or .mkv"),
        ("a.mp4,P01_01,1,3\na.mp4,P01_01,4,5", "stands in the table twice"),
        ("", "a header without clips"),
    ):
        table.write_text(header + row)
        with pytest.raises(DataError, match=problem):
            read_clips(table)


@pytest.mark.parametrize("wrong", [{"keyframe_interval": 0}, {"crf": -1}, {"preset": "fastest"}])
def test_config_is_checked(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=name):
        CuttingConfig(**wrong)
