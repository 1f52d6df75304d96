"""Several processes that answer together: who answers what, and how they keep in step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from llavaction.utils.errors import LlavactionError
from llavaction.utils.processes import num_processes, process_rank

T = TypeVar("T")


def join_processes() -> None:
    """Meet the other processes that torchrun started; gloo, as they exchange little."""
    if num_processes() > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")


def wait_for_all() -> None:
    """Return when every process has come here."""
    if num_processes() > 1:
        torch.distributed.barrier()


def from_first(make: Callable[[], T]) -> T:
    """What `make` returns in the first process, in all of them; an error that it raises there is raised in all."""
    if num_processes() == 1:
        return make()
    made: list[Any] = [None]
    if process_rank() == 0:
        try:
            made = [make()]
        except LlavactionError as error:
            made = [error]
    torch.distributed.broadcast_object_list(made)
    if isinstance(made[0], LlavactionError):
        raise made[0]
    result: T = made[0]
    return result


@dataclass(frozen=True)
class Share(Generic[T]):
    """What one process has to answer: `num_own` items that count, and perhaps one behind them that does not."""

    items: list[T]
    num_own: int


def share_out(items: Sequence[T], *, in_step: bool) -> Share[T]:
    """This process's share of `items`.

    Args:
        in_step: every process gets equally many. Where ZeRO-3 splits the weights over the processes, each pass of the
            model is an exchange in which all take part, so they must make the same passes in the same order. For every
            batch a task encodes the clips once and asks once, whatever the questions; `generate` goes on until all
            have finished. What is left is the number of batches: a process with an item less answers the first item
            too, and nobody reads that answer.
    """
    mine = list(items[process_rank() :: num_processes()])
    most = -(-len(items) // num_processes())
    stand_in = items[:1] if in_step and len(mine) < most else []
    return Share([*mine, *stand_in], len(mine))
