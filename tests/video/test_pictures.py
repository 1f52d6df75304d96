"""Folders of pictures: the same clips as from a video, and clear errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from llavaction.utils.errors import ConfigError, VideoError
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig, VideoLayout
from tests.video.numbered import numbered_frame

Numbers = Callable[[np.ndarray], list[int]]


def write_pictures(folder: Path, num_frames: int, name: str = "frame_{:010d}.jpg", first: int = 1) -> Path:
    folder.mkdir(parents=True)
    for number in range(num_frames):
        Image.fromarray(numbered_frame(number)).save(folder / name.format(first + number))
    return folder


def make_loader(folder: Path, **options: object) -> ClipLoader:
    return ClipLoader(VideoConfig(str(folder), VideoLayout.FRAMES, **({"frame_rate": 10.0} | options)))  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["P01/rgb_frames/P01_01", "P01/P01_01", "P01_01"])
def test_frames_and_times(tmp_path: Path, place: str, numbers_in: Numbers) -> None:
    write_pictures(tmp_path / place, 40)
    clip = make_loader(tmp_path).load("P01_01", 0.5, 1.5, num_frames=5)
    assert numbers_in(clip.frames) == [6, 8, 10, 12, 14]
    np.testing.assert_allclose(clip.times_s, [0.6, 0.8, 1.0, 1.2, 1.4])


@pytest.mark.parametrize(("name", "first"), [("{:05d}.jpg", 0), ("img{:d}.png", 1), ("f_{:06d}.JPEG", 5)])
def test_other_names(tmp_path: Path, name: str, first: int, numbers_in: Numbers) -> None:
    folder = write_pictures(tmp_path / "v_1", 12, name, first)
    (folder / "list.txt").touch()
    assert numbers_in(make_loader(tmp_path).load("v_1", 0, 1.2, num_frames=12).frames) == list(range(12))


def test_the_rate_of_each_video_from_a_table(tmp_path: Path, numbers_in: Numbers) -> None:
    for video_id in ("P01_01", "P01_02", "P01_03"):
        write_pictures(tmp_path / "P01" / "rgb_frames" / video_id, 30)
    table = tmp_path / "EPIC_100_video_info.csv"
    table.write_text("video_id,duration,fps,resolution\nP01_01,3.0,10,64x64\nP01_02,1.5,20,64x64\n")
    loader = make_loader(tmp_path, frame_rate=None, video_info=str(table))
    assert numbers_in(loader.load("P01_01", 1.0, 1.3, num_frames=3).frames) == [10, 11, 12]
    assert numbers_in(loader.load("P01_02", 1.0, 1.15, num_frames=3).frames) == [20, 21, 22]
    with pytest.raises(VideoError, match=r"video_info\.csv: no row for video 'P01_03'"):
        loader.load("P01_03", 1.0, 1.5)


def test_the_rate_is_needed_and_only_here() -> None:
    for options in ({}, {"frame_rate": 30.0, "video_info": "x.csv"}):
        with pytest.raises(ConfigError, match=r"layout=frames needs the rate.*either video\.frame_rate"):
            VideoConfig("videos", VideoLayout.FRAMES, **options)  # type: ignore[arg-type]
    for frame_rate in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match=r"video\.frame_rate=.* must be above 0"):
            VideoConfig("videos", VideoLayout.FRAMES, frame_rate=frame_rate)
    with pytest.raises(ConfigError, match="with layout=chunks the files state their rate"):
        VideoConfig("videos", frame_rate=30.0)


def test_the_end_is_clipped(tmp_path: Path, numbers_in: Numbers) -> None:
    write_pictures(tmp_path / "P01_01", 23)
    loader = make_loader(tmp_path)
    assert numbers_in(loader.load("P01_01", 2.0, 3.2, num_frames=3).frames) == [20, 21, 22]
    with pytest.raises(VideoError, match=r"P01_01: the video ends at 2\.30 s, 1\.20 s before"):
        loader.load("P01_01", 2.0, 3.5)
    with pytest.raises(VideoError, match=r"ends at 2\.30 s, before the segment starts"):
        loader.load("P01_01", 2.4, 3.0)


def test_a_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from llavaction.video import pictures

    for video_id in ("P01_01", "P01_02"):
        write_pictures(tmp_path / video_id, 20)
    listed = []
    list_pictures = pictures.list_pictures
    monkeypatch.setattr(pictures, "list_pictures", lambda folder: listed.append(folder) or list_pictures(folder))
    loader = make_loader(tmp_path, max_open_readers=1)
    for video_id in ("P01_01", "P01_02", "P01_01", "P01_02"):
        loader.load(video_id, 0.5, 1.0)
    assert len(listed) == 2


def test_what_is_wrong_with_a_folder(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "P01_01", 20)
    data = (folder / "frame_0000000006.jpg").read_bytes()
    (folder / "frame_0000000006.jpg").write_bytes(data[: len(data) // 2])
    (folder / "frame_0000000011.jpg").unlink()
    Image.fromarray(numbered_frame(15, 96, 96)).save(folder / "frame_0000000016.jpg")
    loader = make_loader(tmp_path)
    for start_s, reason in (
        (0.5, r"frame_0000000006\.jpg: cannot be read as a picture"),
        (1.0, r"frame_0000000011\.jpg: no such picture"),
        (1.4, "the pictures have more than one size"),
    ):
        with pytest.raises(VideoError, match=rf"video P01_01, .*{reason}"):
            loader.load("P01_01", start_s, start_s + 0.3, num_frames=3)
    (folder / "other_1.jpg").touch()
    with pytest.raises(VideoError, match=r"pictures named frame_\.\.\.\.jpg and others named other_\.\.\.\.jpg"):
        make_loader(tmp_path).load("P01_01", 0, 1)
    (tmp_path / "P01_02").mkdir()
    with pytest.raises(VideoError, match="holds no numbered pictures"):
        make_loader(tmp_path).load("P01_02", 0, 1)
    with pytest.raises(VideoError, match=r"P01_03: no folder of pictures for video 'P01_03'"):
        make_loader(tmp_path).load("P01_03", 0, 1)
