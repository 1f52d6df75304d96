"""SIGTERM and SIGUSR1, as a cluster sends them before it takes the machine away: save, and end.

The step at hand is finished, a checkpoint written, and every process exits with code 143. Not 0, since the run is not
finished: `a && b`, `set -e` and SLURM's `--dependency=afterok` must not go on. It is what shells and SLURM report for a
job that SIGTERM has ended (128 + 15), and differs from a crash (1), a mistake of the user's (2) and Ctrl-C (130).

torchrun passes SIGTERM on, kills what has not ended after 30 seconds, and ends with code 1. Large models need longer to
save: newer versions have `--shutdown-timeout`. SIGUSR1 ends torchrun itself and leaves its processes running, unless
`--signals-to-handle` names it, or the shell ignores it (`trap "" USR1; exec torchrun ...`): then the processes, which
listen to it, can be told by themselves.
"""

from __future__ import annotations

import logging
import signal
from functools import partial
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import distributed
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llavaction.utils.processes import heed_parent_only

logger = logging.getLogger(__name__)

STOPPED = 128 + signal.SIGTERM
"""Exit code of a run that was told to stop and can go on."""
SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class RunStopped(Exception):
    """A run that was told to stop has saved a checkpoint and ends before its last step."""


class StopSignals(TrainerCallback):
    """Ends training after a step once any process was told to stop: signals may reach only some of them.

    Attributes:
        stopped_at: the step after which it did; None where it did not.
    """

    def __init__(self) -> None:
        self._received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}
        self.stopped_at: int | None = None

    def __enter__(self) -> StopSignals:
        self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if not self._any_received(args.device) or state.global_step >= state.max_steps:
            return
        control.should_save = control.should_training_stop = True
        self.stopped_at = state.global_step
        name = self._received.name if self._received is not None else "a signal to another process"
        logger.warning("told to stop by %s: step %d is saved, and the run ends", name, state.global_step)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received = signal.Signals(number)

    def _any_received(self, device: torch.device) -> bool:
        received = torch.tensor(self._received is not None, dtype=torch.int32, device=device)
        if distributed.is_initialized():
            distributed.all_reduce(received, distributed.ReduceOp.MAX)
        return bool(received)


def shield_workers(loader: Any) -> Any:
    """The same loader, whose processes outlive these signals: the step at hand still needs them.

    Launchers and clusters send signals to all processes of a run. Loading processes end with the one they load for.
    """
    inner = getattr(loader, "base_dataloader", loader)
    inner.worker_init_fn = partial(_start_worker, inner.worker_init_fn)
    return loader


def ignore_signals() -> None:
    """Let these signals pass without effect: for processes that are about to end by themselves."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _start_worker(then: Any, worker_id: int) -> None:
    heed_parent_only()
    if then is not None:
        then(worker_id)
