"""What is known of a file's packets is used again as long as the file is the same, and the oldest is forgotten."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from llavaction.video.backends import IndexCache, VideoBackend
from llavaction.video.backends.packet_index import PacketIndex
from llavaction.video.reader_pool import ReaderPool

Write = Callable[..., Path]


def index_of(num_frames: int) -> PacketIndex:
    return PacketIndex(np.arange(num_frames), np.array([0]), 0, False, 0.1)


class Counter:
    """Makes indexes and counts how many."""

    def __init__(self, num_frames: int = 10) -> None:
        self.num_frames = num_frames
        self.num_made = 0

    def __call__(self) -> PacketIndex:
        self.num_made += 1
        return index_of(self.num_frames)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for name in "abc":
        (tmp_path / name).write_text(name)
    return sorted(tmp_path.iterdir())


def test_an_index_is_made_once(files: list[Path]) -> None:
    cache, make = IndexCache(100), Counter()
    first = cache.get(files[0], make)
    assert cache.get(files[0], make) is first and make.num_made == 1
    assert cache.get(files[1], make) is not first and (make.num_made, cache.num_frames) == (2, 20)


def test_a_file_that_was_replaced_is_another(files: list[Path]) -> None:
    cache, make = IndexCache(100), Counter()
    cache.get(files[0], make)
    files[0].write_text("longer")
    cache.get(files[0], make)
    assert make.num_made == 2
    os.utime(files[0], ns=(0, 0))
    cache.get(files[0], make)
    assert make.num_made == 3


def test_the_oldest_is_forgotten(files: list[Path]) -> None:
    cache, make = IndexCache(25), Counter()
    a, b, c = files
    for path in (a, b, a, c):  # c makes it 30 frames: b was used before a
        cache.get(path, make)
    assert (make.num_made, cache.num_frames) == (3, 20)
    cache.get(a, make)
    cache.get(c, make)
    assert make.num_made == 3
    cache.get(b, make)
    assert (make.num_made, cache.num_frames) == (4, 20)


def test_a_file_that_is_too_long_is_not_kept(files: list[Path]) -> None:
    for cache, make in ((IndexCache(0), Counter()), (IndexCache(25), Counter(26))):
        assert len(cache.get(files[0], make).frame_pts) == make.num_frames
        cache.get(files[0], make)
        assert (make.num_made, cache.num_frames) == (2, 0)


def test_a_file_that_is_opened_again_is_not_read_again(
    tmp_path: Path, write_numbered: Write, backend: VideoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write_numbered(tmp_path / f"{name}.mp4", 20) for name in "ab"]
    pool = ReaderPool(backend, max_open=1, max_indexed_frames=100)
    frames = [pool.get(path).read([3, 17]) for path in paths]

    def not_again(*args: object) -> None:
        raise AssertionError("the packets were read again")

    for module in ("pyav_reader", "decord_reader"):
        monkeypatch.setattr(f"llavaction.video.backends.{module}.index_packets", not_again)
    for path, expected in zip(paths, frames, strict=True):
        np.testing.assert_array_equal(pool.get(path).read([3, 17]), expected)
    assert pool.num_opened == 4
