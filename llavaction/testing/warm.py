"""Commands in forks of one process that has imported everything: the asking end of `forking.py`."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class CommandResult:
    """How a command ended.

    Attributes:
        arguments: what followed `llavaction`.
        returncode: 0, or the code of the first process that failed: below zero the signal that ended it, 124 when the
            command was stopped because it took too long.
        output: standard output and error of all its processes, in the order in which they were written.
        time_s: wall time.
    """

    arguments: tuple[str, ...]
    returncode: int
    output: str
    time_s: float


class Started:
    """A command that runs; `pids` are its processes, by rank, each the leader of a process group of its own."""

    def __init__(self, arguments: Sequence[str], log: Path, reply: Callable[[], dict[str, Any]]) -> None:
        self.arguments = tuple(arguments)
        self._log = log
        self._reply = reply
        self._result: CommandResult | None = None
        self.pids: list[int] = reply()["pids"]

    def output(self) -> str:
        """What its processes have written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> CommandResult:
        """Its result, once all its processes have ended."""
        if self._result is None:
            reply = self._reply()
            self._result = CommandResult(self.arguments, reply["returncode"], self.output(), reply["time_s"])
            self._log.unlink()
        return self._result


class WarmProcess:
    """Starts commands, one at a time; ends with this process, and all that it has started with it."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (open as long as the process runs)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "llavaction.testing.forking"],
            env=command_environment(),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C is for this process alone, which then ends the other
        )
        self._last: Started | None = None
        atexit.register(self._close)

    def start(self, function: str, arguments: Sequence[str], num_processes: int, timeout_s: float) -> Started:
        """Start a command in this folder with this environment, once the one before has ended.

        Args:
            function: `module:name` of what each process calls with `arguments`; returns the process's code.
            num_processes: processes of the command.
            timeout_s: longest time that it may take.
        """
        if self._last is not None:
            self._last.wait()
        handle, log = tempfile.mkstemp(prefix="llavaction-", suffix=".log")
        os.close(handle)
        self._send(
            function=function,
            arguments=list(arguments),
            num_processes=num_processes,
            timeout_s=timeout_s,
            log=log,
            port=free_port(),
            folder=str(Path.cwd()),
            environment=command_environment(),
        )
        self._last = Started(arguments, Path(log), self._receive)
        return self._last

    def _send(self, **request: Any) -> None:
        assert self._server.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # said by the missing reply
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        if not line:
            code = self._server.wait()
            self._errors.seek(0)
            raise RuntimeError(f"the process that forks ended with code {code}:\n{self._errors.read()[-6000:]}")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _close(self) -> None:
        assert self._server.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._server.stdin.close()
        self._server.wait()


@functools.cache
def warm_process() -> WarmProcess:
    """The one of this process, started when it is first needed."""
    return WarmProcess()


def command_environment() -> dict[str, str]:
    """The environment of commands: this process's, without a hub, on one thread each."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": "200",
    }


def free_port() -> int:
    """A TCP port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
