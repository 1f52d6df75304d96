"""Several processes that answer together, and how they keep in step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

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
