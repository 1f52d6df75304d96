"""Calls that are given up when they take too long, also when they are stuck inside a library."""

from __future__ import annotations

import os
import queue
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")


class TookTooLong(Exception):
    """A call did not end within its time."""


class TimeLimit:
    """Makes calls on a thread of its own and stops waiting for one that takes longer than allowed.

    Neither a signal nor an exception ends a C function that does not return: opening a file of a network disk that is
    gone, a decoder that goes round in circles. It can only be left alone. Its thread stays behind, with the file that
    it has open, until the function returns or the process ends, which it does not hold up; the next call gets a new
    thread. This works for functions that let go of the interpreter, as file access, FFmpeg and decord do.

    A forked child starts a thread of its own, and so does a pickled copy. Not for use by two threads at once.
    """

    def __init__(self, limit_s: float) -> None:
        """Allow `limit_s` seconds per call; with 0, calls are made directly and may take any time."""
        self.limit_s = limit_s
        self._caller: _Caller | None = None

    def call(self, function: Callable[[], Result]) -> Result:
        """Return what `function` returns and raise what it raises.

        Raises:
            TookTooLong: when it is still not done after `limit_s`. From then on it shares with its caller whatever it
                has hold of, so that nothing of that may be used again.
        """
        if not self.limit_s:
            return function()
        caller = self._caller
        if caller is None or caller.pid != os.getpid():
            caller = _Caller.start()
            weakref.finalize(self, caller.calls.put, None)
        # Only one whose last call has come to its end is used again, lest an old result be taken for a new one.
        self._caller = None
        caller.calls.put(function)
        try:
            result, error = caller.outcomes.get(timeout=self.limit_s)
        except queue.Empty:
            raise TookTooLong from None
        self._caller = caller
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[type[TimeLimit], tuple[float]]:
        """Leave the thread behind when pickled."""
        return TimeLimit, (self.limit_s,)


@dataclass
class _Caller:
    """A thread that makes one call after the other until it is given None."""

    calls: queue.SimpleQueue[Callable[[], Any] | None] = field(default_factory=queue.SimpleQueue)
    outcomes: queue.SimpleQueue[tuple[Any, BaseException | None]] = field(default_factory=queue.SimpleQueue)
    pid: int = field(default_factory=os.getpid)

    @classmethod
    def start(cls) -> _Caller:
        caller = cls()
        # A daemon, as the interpreter would otherwise wait for it at the end.
        threading.Thread(target=_serve, args=(caller.calls, caller.outcomes), name="video", daemon=True).start()
        return caller


def _serve(
    calls: queue.SimpleQueue[Callable[[], Any] | None],
    outcomes: queue.SimpleQueue[tuple[Any, BaseException | None]],
) -> None:
    while (function := calls.get()) is not None:
        try:
            outcomes.put((function(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            outcomes.put((None, error))
        del function
