"""A file that never answers, in a worker of a real DataLoader: given up, and the worker ends with the others."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from llavaction.utils.errors import VideoError
from llavaction.video.backends import VideoBackend
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig, VideoLayout
from tests.video.numbered import numbered_frame

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs"),
]

LIMIT_S = 0.5
Write = Callable[..., Path]
Numbers = Callable[[np.ndarray], list[int]]


@pytest.fixture
def make_pipe() -> Iterator[Callable[..., Path]]:
    """Makes pipes that deliver some bytes and then nothing more; lets go of who waits when the test is over."""
    pipes: list[Path] = []
    ends: list[int] = []

    def make(path: Path, data: bytes | None = None) -> Path:
        os.mkfifo(path)
        pipes.append(path)
        if data is not None:
            end = os.open(path, os.O_RDWR)
            ends.append(end)
            threading.Thread(target=_deliver, args=(end, data), daemon=True).start()
        return path

    yield make
    for path in pipes:
        # As a reader and a writer at once: opening waits for nobody, and closing ends the file for the others.
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    for end in ends:
        os.close(end)


def _deliver(end: int, data: bytes) -> None:
    while data:
        data = data[os.write(end, data[:4096]) :]


def expect_cut_off(loader: ClipLoader, file: str, start_s: float = 0.0) -> None:
    start = time.monotonic()
    with pytest.raises(
        VideoError, match=rf"video P01_01, .*{file}: not read after 0\.5 s and given up.*decode_timeout_s"
    ):
        loader.load("P01_01", start_s, start_s + 1, num_frames=4)
    assert LIMIT_S <= time.monotonic() - start < LIMIT_S + 10


def test_a_picture_that_does_not_open(tmp_path: Path, make_pipe: Callable[..., Path], numbers_in: Numbers) -> None:
    folder = tmp_path / "P01_01"
    folder.mkdir()
    for number in range(20):
        if number != 12:
            Image.fromarray(numbered_frame(number)).save(folder / f"frame_{number:010d}.jpg")
    make_pipe(folder / "frame_0000000012.jpg")
    config = VideoConfig(str(tmp_path), VideoLayout.FRAMES, frame_rate=4.0, decode_timeout_s=LIMIT_S)
    loader = ClipLoader(config)
    assert numbers_in(loader.load("P01_01", 0, 1, num_frames=4).frames) == [0, 1, 2, 3]
    expect_cut_off(loader, "P01_01", 3.0)
    assert numbers_in(loader.load("P01_01", 4, 5, num_frames=4).frames) == [16, 17, 18, 19]
    expect_cut_off(loader, "P01_01", 3.0)


@pytest.mark.parametrize("delivers", [False, True])
def test_a_video_that_does_not_open_or_go_on(
    tmp_path: Path,
    make_pipe: Callable[..., Path],
    write_numbered: Write,
    numbers_in: Numbers,
    monkeypatch: pytest.MonkeyPatch,
    delivers: bool,
) -> None:
    # A pipe is refused before it is opened; a file on a disk that is gone cannot be told from one that is well.
    monkeypatch.setattr("llavaction.video.backends.pyav_reader.check_file", lambda path: None)
    folder = tmp_path / "P01" / "P01_01.MP4"
    write_numbered(folder / "0.MP4", 40)
    data = (folder / "0.MP4").read_bytes() if delivers else None
    make_pipe(folder / "4.MP4", data and data[: len(data) // 2])
    loader = ClipLoader(VideoConfig(str(tmp_path), chunk_s=4.0, decode_timeout_s=LIMIT_S))
    for _ in range(2):
        assert numbers_in(loader.load("P01_01", 0, 0.4, num_frames=4).frames) == [0, 1, 2, 3]
        expect_cut_off(loader, r"4\.MP4", 4.0)


def test_decord_too(
    capfd: pytest.CaptureFixture[str],  # first, as decord complains when the pipe ends
    tmp_path: Path,
    make_pipe: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("decord", reason="decord is not installed")
    # Straight into decord, which is the one that waits.
    monkeypatch.setattr("llavaction.video.backends.decord_reader.check_file", lambda path: None)
    monkeypatch.setattr("llavaction.video.backends.decord_reader._refuse_unfit", lambda path, indexes: None)
    folder = tmp_path / "P01" / "P01_01.MP4"
    folder.mkdir(parents=True)
    make_pipe(folder / "0.MP4")
    config = VideoConfig(str(tmp_path), chunk_s=4.0, decode_timeout_s=LIMIT_S, backend=VideoBackend.DECORD)
    expect_cut_off(ClipLoader(config), r"0\.MP4")


def test_a_whole_file(tmp_path: Path, make_pipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llavaction.video.backends.pyav_reader.check_file", lambda path: None)
    path = make_pipe(tmp_path / "any.mp4")
    loader = ClipLoader(VideoConfig(str(tmp_path), decode_timeout_s=LIMIT_S))
    with pytest.raises(VideoError, match=r"0 s to the end: .*any\.mp4: not read after 0\.5 s"):
        loader.load_file(path)
