"""Calls with a time limit: their results and errors as without, and one that is stuck holds up nothing."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from llavaction.video.time_limit import TimeLimit, TookTooLong

REPO_ROOT = Path(__file__).resolve().parents[2]


def fail() -> None:
    raise LookupError("of the call")


@pytest.mark.parametrize("limit_s", [0, 60])
def test_results_and_errors_come_through(limit_s: float) -> None:
    limit = TimeLimit(limit_s)
    assert [limit.call(lambda: number**2) for number in range(3)] == [0, 1, 4]  # noqa: B023 - called at once
    with pytest.raises(LookupError, match="of the call"):
        limit.call(fail)
    assert limit.call(lambda: 5) == 5


def test_without_a_limit_there_is_no_other_thread() -> None:
    assert TimeLimit(0).call(threading.get_ident) == threading.get_ident()
    limit = TimeLimit(60)
    first = limit.call(threading.get_ident)
    assert first == limit.call(threading.get_ident) != threading.get_ident()


def test_a_stuck_call_is_left_and_its_result_never_taken_for_another() -> None:
    limit, release = TimeLimit(0.1), threading.Event()

    def stuck() -> str:
        release.wait(30)
        return "late"

    start = time.monotonic()
    with pytest.raises(TookTooLong):
        limit.call(stuck)
    assert 0.1 <= time.monotonic() - start < 10
    limit.limit_s = 60
    assert limit.call(lambda: "next") == "next"
    release.set()
    assert [limit.call(lambda: number) for number in range(3)] == [0, 1, 2]  # noqa: B023


def test_an_interrupted_wait_leaves_no_result_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = TimeLimit(60)
    limit.call(lambda: "first")
    caller = limit._caller
    assert caller is not None

    class Interrupted:
        def get(self, timeout: float) -> None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(caller, "outcomes", Interrupted())
        limit.call(lambda: "lost")
    assert limit.call(lambda: "next") == "next"


def test_threads_end_with_the_limit() -> None:
    limit = TimeLimit(60)
    (thread,) = limit.call(lambda: [threading.current_thread()])
    del limit
    thread.join(10)
    assert not thread.is_alive()


def test_copies_and_children_have_threads_of_their_own() -> None:
    limit = TimeLimit(60)
    ours = limit.call(threading.get_ident)
    copy = pickle.loads(pickle.dumps(limit))
    assert copy.limit_s == 60 and copy.call(threading.get_ident) != ours


def _call_once(limit: TimeLimit) -> None:
    assert limit.call(lambda: 7) == 7


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_thread_it_does_not_have() -> None:
    limit = TimeLimit(60)
    limit.call(lambda: 0)
    child = multiprocessing.get_context("fork").Process(target=_call_once, args=(limit,))
    child.start()
    child.join(20)
    child.kill()
    assert child.exitcode == 0


STUCK_FOR_EVER = """
import os
from llavaction.video.time_limit import TimeLimit, TookTooLong
read_end, _ = os.pipe()
try:
    TimeLimit(0.1).call(lambda: os.read(read_end, 1))
except TookTooLong:
    print("left it")
"""


def test_a_process_ends_though_a_call_does_not() -> None:
    result = subprocess.run(
        [sys.executable, "-c", STUCK_FOR_EVER], cwd=REPO_ROOT, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "left it\n", "")
