"""Weights that ZeRO-3 splits over the processes: each call of a module is then an exchange in which all take part."""

from __future__ import annotations

import torch
from torch import distributed, nn


def is_partitioned(module: nn.Module) -> bool:
    """Whether ZeRO-3 holds the module's weights."""
    return any(hasattr(parameter, "ds_id") for parameter in module.parameters())


def largest_over_processes(number: int, device: torch.device) -> int:
    """The largest of all processes' numbers."""
    largest = torch.tensor(number, device=device)
    distributed.all_reduce(largest, distributed.ReduceOp.MAX)
    return int(largest)
