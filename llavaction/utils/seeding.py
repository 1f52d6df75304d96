"""Randomness as a parameter: every draw comes from a seed and the item's own name, never from order."""

from __future__ import annotations

import hashlib

import numpy as np


def seed_for(seed: int, *keys: str | int) -> int:
    """A 64-bit seed that depends on `seed` and `keys` alone; equal on every platform and Python version.

    >>> seed_for(0, "mqa", "P01_01_0") == seed_for(0, "mqa", "P01_01_0")
    True
    """
    # The unit separator cannot occur in ids, so ("a", "bc") and ("ab", "c") differ.
    text = "\x1f".join([str(seed), *(str(key) for key in keys)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def rng_for(seed: int, *keys: str | int) -> np.random.Generator:
    """A generator for one item.

    NumPy promises the bits of PCG64, not what later releases draw from them (NEP 19): a test pins known draws.
    """
    return np.random.Generator(np.random.PCG64(seed_for(seed, *keys)))


def unit_interval(seed: int, *keys: str | int) -> float:
    """One uniform number in [0, 1) for one item, without the cost of a generator."""
    return (seed_for(seed, *keys) >> 11) / float(1 << 53)
