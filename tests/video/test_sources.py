"""Source videos: found in every place they come in, and dealt out to jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.utils.errors import ConfigError, DataError
from llavaction.video.sources import choose, find_sources, in_shard, parse_shard


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_places(tmp_path: Path) -> None:
    expected = {
        "P01_01": touch(tmp_path / "P01" / "videos" / "P01_01.MP4"),
        "P02_01": touch(tmp_path / "P02" / "P02_01.mp4"),
        "clip": touch(tmp_path / "clip.MKV"),
    }
    touch(tmp_path / "P01" / "rgb_frames" / "P01_01.tar")
    touch(tmp_path / "P01" / "audio" / "P01_01.mp4")
    touch(tmp_path / "P03" / "P03_01.MP4" / "0.MP4")
    touch(tmp_path / ".hidden.mp4")
    assert find_sources(tmp_path) == expected
    assert list(find_sources(tmp_path)) == sorted(expected)


def test_two_files_of_one_video(tmp_path: Path) -> None:
    touch(tmp_path / "P01_01.MP4")
    touch(tmp_path / "P01" / "videos" / "P01_01.mkv")
    with pytest.raises(DataError, match=r"P01_01\.MP4 and .*P01_01\.mkv are both video 'P01_01'"):
        find_sources(tmp_path)


def test_no_video(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no videos in it, in P01/ or in P01/videos/"):
        find_sources(tmp_path)


def test_some_videos() -> None:
    sources = {"P01_01": Path("a"), "P01_02": Path("b")}
    assert choose(sources, ["P01_02"]) == {"P01_02": Path("b")}
    with pytest.raises(ConfigError, match=r"no source for video 'P01_03' among 2; did you mean 'P01_0"):
        choose(sources, ["P01_01", "P01_03"])


def test_every_video_is_in_one_shard() -> None:
    video_ids = [f"P{person:02d}_{number:02d}" for person in range(1, 38) for number in range(1, 20)]
    sizes = [sum(in_shard(video_id, (shard, 8)) for video_id in video_ids) for shard in range(8)]
    assert sum(sizes) == len(video_ids)
    assert min(sizes) > len(video_ids) / 8 * 0.6
    assert all(in_shard(video_id, (0, 1)) for video_id in video_ids)


@pytest.mark.parametrize("text", ["8/8", "-1/8", "1", "a/b", "1/0", "", "1/2/3"])
def test_shards_are_checked(text: str) -> None:
    with pytest.raises(ConfigError, match=r"must be i/n with 0 <= i < n"):
        parse_shard(text)
    assert parse_shard("3/8") == (3, 8)
