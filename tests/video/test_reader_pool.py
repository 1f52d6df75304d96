"""Readers are kept, dropped in order of use, and never shared between processes."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from llavaction.utils.errors import VideoError
from llavaction.video.backends import VideoBackend
from llavaction.video.reader_pool import ReaderPool


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory, write_numbered: Callable[..., Path]) -> list[Path]:
    folder = tmp_path_factory.mktemp("pool")
    return [write_numbered(folder / f"{name}.mp4", 3) for name in "abc"]


def test_keeps_the_readers_used_last(paths: list[Path], backend: VideoBackend) -> None:
    a, b, c = paths
    pool = ReaderPool(backend, max_open=2)
    first = pool.get(a)
    assert pool.get(b).path == b
    assert pool.get(a) is first
    pool.get(c)  # drops b, as a was used after it
    assert (pool.get(a) is first, pool.num_opened) == (True, 3)
    pool.get(b)
    assert pool.num_opened == 4
    pool.close()
    assert pool.get(a).read([0]).shape == (1, 64, 64, 3)
    assert pool.num_opened == 5


def test_a_file_that_fails_is_not_kept(paths: list[Path], backend: VideoBackend) -> None:
    pool = ReaderPool(backend, max_open=1)
    with pytest.raises(VideoError):
        pool.get(paths[0].with_name("absent.mp4"))
    assert (pool.get(paths[0]).path, pool.num_opened) == (paths[0], 1)


def test_pickled_pools_arrive_empty(paths: list[Path], backend: VideoBackend) -> None:
    pool = ReaderPool(backend, max_open=5)
    pool.get(paths[0])
    copy = pickle.loads(pickle.dumps(pool))
    assert (copy.backend, copy.max_open, copy.num_opened) == (backend, 5, 0)
    assert copy.get(paths[0]) is not pool.get(paths[0])


def test_another_process_opens_its_own(
    paths: list[Path], backend: VideoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = ReaderPool(backend, max_open=5)
    inherited = pool.get(paths[0])
    pid = os.getpid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: pid + 1)
        own = pool.get(paths[0])
        assert own is not inherited
        assert pool.get(paths[0]) is own
    assert pool.num_opened == 2
