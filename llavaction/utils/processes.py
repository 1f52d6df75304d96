"""Which process of a distributed run this is, as torchrun says in the environment. No torch."""

from __future__ import annotations

import os


def process_rank() -> int:
    """This process's number among all, 0 when alone."""
    return int(os.environ.get("RANK", "0"))


def num_processes() -> int:
    """How many processes run together."""
    return int(os.environ.get("WORLD_SIZE", "1"))
