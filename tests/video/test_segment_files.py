"""One file per segment: its time 0 is the segment's start, and it holds nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from llavaction.utils.errors import DataError, VideoError
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig, VideoLayout

Write = Callable[..., Path]
Numbers = Callable[[np.ndarray], list[int]]


@pytest.fixture
def loader(tmp_path: Path, write_numbered: Write) -> ClipLoader:
    """P01_01_0 of 2 s in the participant's folder and P01_01_1 of 0.5 s beside it, at 10 frames per second."""
    write_numbered(tmp_path / "P01" / "P01_01_0.mp4", 20)
    write_numbered(tmp_path / "P01_01_1.MP4", 5)
    return ClipLoader(VideoConfig(str(tmp_path), VideoLayout.SEGMENTS, extension=".mp4"))


def test_time_0_is_the_start(loader: ClipLoader, numbers_in: Numbers) -> None:
    clip = loader.load("P01_01", 100.0, 102.0, segment_id="P01_01_0", num_frames=4)
    assert numbers_in(clip.frames) == [2, 7, 12, 17]
    np.testing.assert_allclose(clip.times_s, [100.2, 100.7, 101.2, 101.7])
    assert numbers_in(loader.load("P01_01", 7.0, 7.5, segment_id="P01_01_1", num_frames=5).frames) == [0, 1, 2, 3, 4]


def test_a_file_may_be_a_little_longer_or_shorter(loader: ClipLoader, numbers_in: Numbers) -> None:
    longer = loader.load("P01_01", 100.0, 102.9, segment_id="P01_01_0", num_frames=4)
    assert numbers_in(longer.frames) == [2, 7, 12, 17]
    shorter = loader.load("P01_01", 100.0, 101.2, segment_id="P01_01_0", num_frames=4)
    assert numbers_in(shorter.frames) == [1, 4, 7, 10]
    short = loader.load("P01_01", 100.0, 100.01, segment_id="P01_01_1", num_frames=2)
    assert numbers_in(short.frames) == [0, 0]


def test_a_padded_clip_cannot_be_shown(loader: ClipLoader) -> None:
    for stop_s in (100.9, 103.1):
        with pytest.raises(VideoError, match=r"P01_01_0\.mp4: the file lasts 2\.00 s, the clip .*temporal detection"):
            loader.load("P01_01", 100.0, stop_s, segment_id="P01_01_0")


def test_what_is_not_there(loader: ClipLoader, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"P01_01_2\.mp4: no file for segment 'P01_01_2'"):
        loader.load("P01_01", 1.0, 2.0, segment_id="P01_01_2")
    with pytest.raises(VideoError, match="this clip is of none; use another layout"):
        loader.load("P01_01", 1.0, 2.0)
    with pytest.raises(VideoError, match="need 0 <= start < stop"):
        loader.load("P01_01", 3.0, 2.0, segment_id="P01_01_0")
    with pytest.raises(DataError, match="would leave"):
        loader.load("P01_01", 1.0, 2.0, segment_id="../P01_01_0")
    (tmp_path / "P01" / "P01_01_3.mp4").write_bytes(b"broken")
    with pytest.raises(VideoError, match=r"video P01_01, 1 s to 2 s: .*P01_01_3\.mp4: not a video"):
        loader.load("P01_01", 1.0, 2.0, segment_id="P01_01_3")


def test_other_layouts_need_no_segment(tmp_path: Path, write_numbered: Write, numbers_in: Numbers) -> None:
    write_numbered(tmp_path / "P01_01.mp4", 30)
    loader = ClipLoader(VideoConfig(str(tmp_path), VideoLayout.WHOLE))
    assert numbers_in(loader.load("P01_01", 1.0, 1.2, segment_id="P01_01_0", num_frames=2).frames) == [10, 11]
