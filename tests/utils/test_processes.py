from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from llavaction.utils.processes import num_processes, process_rank


def test_alone_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert (process_rank(), num_processes()) == (0, 1)


def test_as_torchrun_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert (process_rank(), num_processes()) == (3, 8)


CHILD = r"""
import os, signal, sys, time
from llavaction.utils.processes import heed_parent_only
child = os.fork()
if child == 0:
    heed_parent_only()
    os.write(1, b"ready\n")  # whole lines, as two processes write
    time.sleep(60)
os.write(1, f"{child}\n".encode())
sys.stdin.readline()
assert os.waitpid(child, os.WNOHANG) == (0, 0), "ended by another"
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_helper_ends_when_its_parent_says_so_and_not_before() -> None:
    command = [sys.executable, "-c", CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        said = {parent.stdout.readline().strip() for _ in range(2)}
        (child,) = said - {"ready"}
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGTERM):
            os.kill(int(child), number)
            time.sleep(0.05)
        rest, _ = parent.communicate("\n", timeout=20)
    assert (rest.strip(), parent.returncode) == ("143", 0)
