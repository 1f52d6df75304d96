"""Which process of a distributed run this is, as torchrun says in the environment; who may end one. No torch."""

from __future__ import annotations

import os
import signal
import threading


def process_rank() -> int:
    """This process's number among all, 0 when alone."""
    return int(os.environ.get("RANK", "0"))


def num_processes() -> int:
    """How many processes run together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def heed_parent_only() -> None:
    """In a process that works for another: let SIGTERM and SIGUSR1 pass unless that other one sends them.

    Launchers and clusters send them to all processes of a run, which still needs its helpers for the step at hand. The
    parent has to be able to end them, also one that hangs: Python waits for them when it exits. Call it before the
    process has threads.
    """
    if not hasattr(signal, "sigwaitinfo"):  # macOS, where runs are not taken away
        return
    signals = {signal.SIGTERM, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    threading.Thread(target=_end_with, args=(os.getppid(), signals), daemon=True).start()


def _end_with(parent: int, signals: set[signal.Signals]) -> None:
    while signal.sigwaitinfo(signals).si_pid != parent:
        pass
    os._exit(128 + signal.SIGTERM)
