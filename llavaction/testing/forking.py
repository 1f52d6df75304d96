"""`python -m llavaction.testing.forking`: imports everything once, and forks the processes of each command.

Python, torch, transformers and deepspeed take many seconds to start; a fork of a process that has them takes none. Each
command runs in new processes, so nothing that it leaves behind in one (process groups, accelerate's and DeepSpeed's
states, the environment, seeds, log handlers) reaches the next. The forking process itself never computes anything.

Requests come as JSON lines on standard input, replies go to standard output; `warm.py` is the other end.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import importlib
import json
import os
import select
import signal
import sys
import time
from typing import Any

TIMED_OUT = 124
"""Return code of a command that took too long, as of the `timeout` command."""
_GRACE_S = 10.0
"""Between asking the processes that outlive a failed one to end, and killing them."""
_DUMP_S = 2.0
"""What a process gets to write where it hangs."""
_POLL_S = 0.01
_MODULES = (
    "av",
    "deepspeed.ops",
    "deepspeed.runtime.engine",
    "peft",
    "transformers.integrations.deepspeed",
    "transformers.models.qwen2.modeling_qwen2",
    "transformers.models.siglip.modeling_siglip",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "llavaction.cli.main",
    "llavaction.cli.train",
    "llavaction.cli.evaluate",
    "llavaction.training.run",
    "llavaction.evaluation.runner",
)
"""What takes long to import in the commands that are tested."""


def main() -> None:
    """Serve requests until standard input ends."""
    atexit.register(_ending)
    with os.fdopen(os.dup(1), "w") as replies:
        os.dup2(2, 1)  # what imports print must not stand between replies
        # Otherwise looking for a GPU starts the driver, which does not survive a fork.
        os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
        _warm_up()
        for line in sys.stdin:
            request = json.loads(line)
            pids = [_fork(request, rank) for rank in range(request["num_processes"])]
            _reply(replies, pids=pids)
            start = time.monotonic()
            returncode = _wait(set(pids), start + request["timeout_s"])
            _reply(replies, returncode=returncode, time_s=time.monotonic() - start)


def _warm_up() -> None:
    """Do what commands would each do again, as far as it starts no threads: they do not survive a fork."""
    for module in _MODULES:
        importlib.import_module(module)
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    from llavaction.config.compose import compose_config

    get_checkpoint_conversion_mapping("qwen2")  # hundreds of patterns, kept compiled
    compose_config("train", ["experiment=toy_kitchen/random"])
    gc.collect()
    gc.freeze()


def _reply(replies: Any, **values: Any) -> None:
    replies.write(json.dumps(values) + "\n")
    replies.flush()


def _fork(request: dict[str, Any], rank: int) -> int:
    """Start one process of a command, and return its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _become(request, rank)
        _call(request["function"], request["arguments"])
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(pid, pid)  # by both, so that it holds for either from here on
    return pid


def _become(request: dict[str, Any], rank: int) -> None:
    """Turn this new process into what a launcher would have started: its own group, output and environment."""
    os.setpgid(0, 0)
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    faulthandler.enable(file=2)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    number = request["num_processes"]
    if number > 1:
        # What torchrun sets.
        os.environ.update(
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(number),
            LOCAL_WORLD_SIZE=str(number),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=str(request["port"]),
        )
    sys.argv = ["llavaction", *request["arguments"]]


def _call(name: str, arguments: list[str]) -> None:
    """Run a command in this process, and end it as `python -m llavaction` ends."""
    module, _, function = name.partition(":")
    _ending.code = 1  # of an exception
    try:
        _ending.code = getattr(importlib.import_module(module), function)(arguments)
    except SystemExit as end:
        _ending.code = end.code if isinstance(end.code, int) else 1
    sys.exit(_ending.code)


class _Ending:
    """Called when all else that is done at exit is done, as it is registered first.

    Taking down all modules would take as long as a short run, for memory that is shared with the process that forks.
    """

    code: int | None = None
    """That of a forked process."""

    def __call__(self) -> None:
        if self.code is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.code)


_ending = _Ending()


def _wait(pids: set[int], deadline: float) -> int:
    """Return code of a command: 0 when all its processes end well, else that of the first that does not."""
    failed = None
    while pids:
        if (ended := _ended(pids)) is not None:
            pid, code = ended
            pids.remove(pid)
            _kill({pid}, signal.SIGKILL)  # what it has started
            if code and failed is None:
                failed, deadline = code, time.monotonic() + _GRACE_S
                _kill(pids, signal.SIGTERM)
        elif _client_is_gone():
            _kill(pids, signal.SIGKILL)
            sys.exit(1)
        elif time.monotonic() > deadline and failed is None:
            failed, deadline = TIMED_OUT, time.monotonic() + _DUMP_S
            _kill(pids, signal.SIGABRT)  # shows in the output where each process waits
        elif time.monotonic() > deadline:
            _kill(pids, signal.SIGKILL)
            deadline = time.monotonic() + _GRACE_S
        else:
            time.sleep(_POLL_S)
    return failed or 0


def _ended(pids: set[int]) -> tuple[int, int] | None:
    """One process that has ended, and its code (below zero: the signal that ended it)."""
    for pid in pids:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return pid, os.waitstatus_to_exitcode(status)
    return None


def _client_is_gone() -> bool:
    # The client writes nothing while it waits for a reply: what can be read is the end.
    return bool(select.select([0], [], [], 0)[0])


def _kill(pids: set[int], number: signal.Signals) -> None:
    """Send a signal to processes and to those that they have started."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)


if __name__ == "__main__":
    main()
