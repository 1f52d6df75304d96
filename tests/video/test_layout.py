"""Where videos are looked for, and which chunk holds which frame."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llavaction.utils.errors import ConfigError, DataError, VideoError
from llavaction.video.layout import ChunkFolder, SingleFile, VideoConfig, VideoLayout, find_video


def make_config(folder: Path, layout: VideoLayout) -> VideoConfig:
    return VideoConfig(str(folder), layout, frame_rate=30.0 if layout == VideoLayout.FRAMES else None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"folder": ""},
        {"layout": "chunk"},
        {"backend": "pyave"},
        {"chunk_s": 0.0},
        {"chunk_s": 7.5},
        {"chunk_s": float("nan")},
        {"extension": "MP4"},
        {"extension": "."},
        {"extension": "./.."},
        {"num_frames": 0},
        {"max_open_readers": 0},
        {"max_indexed_frames": -1},
        {"decode_timeout_s": -1.0},
        {"decode_timeout_s": float("inf")},
    ],
)
def test_config_is_checked(wrong: dict[str, Any]) -> None:
    (field,) = wrong
    with pytest.raises(ConfigError, match=rf"video\.{field}"):
        VideoConfig(**({"folder": "videos"} | wrong))


def test_config_from_yaml() -> None:
    omegaconf = pytest.importorskip("omegaconf", reason="omegaconf is not installed")
    schema = omegaconf.OmegaConf.structured(VideoConfig)
    given_yaml = omegaconf.OmegaConf.create("{folder: videos, layout: whole, num_frames: 32}")
    config = omegaconf.OmegaConf.to_object(omegaconf.OmegaConf.merge(schema, given_yaml))
    assert config == VideoConfig("videos", VideoLayout.WHOLE, num_frames=32)
    given_yaml = omegaconf.OmegaConf.create("{folder: videos, layout: frames, frame_rate: 50}")
    config = omegaconf.OmegaConf.to_object(omegaconf.OmegaConf.merge(schema, given_yaml))
    assert config == VideoConfig("videos", VideoLayout.FRAMES, frame_rate=50.0)


def test_chunks(tmp_path: Path) -> None:
    (tmp_path / "P01" / "P01_01.MP4").mkdir(parents=True)
    files = find_video(VideoConfig(str(tmp_path)), "P01_01")
    assert files.path(0) == tmp_path / "P01" / "P01_01.MP4" / "0.MP4"
    assert files.path(2) == tmp_path / "P01" / "P01_01.MP4" / "30.MP4"
    with pytest.raises(VideoError, match=r"P01_02\.MP4: no folder of chunks for video 'P01_02'; check"):
        find_video(VideoConfig(str(tmp_path)), "P01_02")
    with pytest.raises(VideoError, match=r"layout=chunks"):
        find_video(VideoConfig(str(tmp_path), VideoLayout.WHOLE), "P01_01")


def test_whole_files_in_their_order(tmp_path: Path) -> None:
    config = VideoConfig(str(tmp_path), VideoLayout.WHOLE)
    places = [
        "P01_01.webm",
        "P01_01.avi",
        "P01_01.mkv",
        "P01_01.mp4",
        "P01_01.MP4",
        "P01/P01_01.mkv",
        "P01/P01_01.MP4",
    ]
    (tmp_path / "P01").mkdir()
    for place in places:  # from the last one tried to the first
        (tmp_path / place).touch()
        assert find_video(config, "P01_01") == SingleFile(tmp_path / place)
    with pytest.raises(VideoError, match=r"layout=whole"):
        find_video(VideoConfig(str(tmp_path)), "P01_01")
    with pytest.raises(VideoError, match=r"no file for video 'P01_02'"):
        find_video(config, "P01_02")


def test_the_configured_ending_comes_first(tmp_path: Path) -> None:
    for name in ("v_1.mov", "v_1.MP4", "_x-1.mkv"):
        (tmp_path / name).touch()
    config = VideoConfig(str(tmp_path), VideoLayout.WHOLE, extension=".mov")
    assert find_video(config, "v_1") == SingleFile(tmp_path / "v_1.mov")
    assert find_video(config, "_x-1") == SingleFile(tmp_path / "_x-1.mkv")


@pytest.mark.parametrize("name", ["../P01_01", "..", "P01/../../x_1", "/etc/passwd", "P01_..\\x", "P01_\0", ""])
@pytest.mark.parametrize("layout", list(VideoLayout))
def test_names_cannot_leave_the_folder(tmp_path: Path, name: str, layout: VideoLayout) -> None:
    with pytest.raises(DataError, match="would leave"):
        find_video(make_config(tmp_path, layout), name, name)


def test_last_chunk(tmp_path: Path) -> None:
    files = ChunkFolder(tmp_path, 15.0, ".MP4")
    with pytest.raises(VideoError, match="no chunk named"):
        files.last_chunk()
    for name in ("0.MP4", "15.MP4", "105.MP4", "120.mp4", ".7.135.MP4", "list.txt"):
        (tmp_path / name).touch()
    assert files.last_chunk() == 7
    (tmp_path / "20.MP4").touch()
    with pytest.raises(VideoError, match=r"20\.MP4: begins at no multiple of 15 s; set video\.chunk_s"):
        files.last_chunk()


@given(
    st.integers(0, 4000),
    st.integers(-2, 1000),
    st.sampled_from([10.0, 24.0, 25.0, 29.97, 30000 / 1001, 30.0, 50.0, 60000 / 1001]),
    st.sampled_from([1.0, 2.0, 15.0, 30.0]),
)
@example(1, -1, 60000 / 1001, 15.0)  # a chunk of 899.1 frames: frame 899 is the second chunk's
def test_every_frame_is_in_one_chunk(border: int, offset: int, fps: float, chunk_s: float) -> None:
    files = ChunkFolder(Path("x"), chunk_s, ".MP4")
    frame_idx = max(0, math.ceil(border * chunk_s * fps) + offset)
    chunk_idx = files.chunk_of(frame_idx, fps)
    assert files.first_frame(chunk_idx, fps) <= frame_idx < files.first_frame(chunk_idx + 1, fps)
    # The chunk's name tells when it begins, to half a frame, however long the video is.
    assert abs(files.first_frame(chunk_idx, fps) / fps - chunk_idx * chunk_s) <= 0.5 / fps + 1e-6
