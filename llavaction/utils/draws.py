"""Random draws that are the same on every machine, Python and NumPy: what a benchmark's hash can rest on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from llavaction.utils.seeding import seed_for

T = TypeVar("T")

_MASK = (1 << 64) - 1


class Draws:
    """SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): 64-bit integer arithmetic and nothing else.

    NumPy promises the bits of its generators, but not what a method draws from them in later releases (NEP 19).
    """

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def bits(self) -> int:
        """64 random bits."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return state ^ (state >> 31)

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound - 1`; each as likely, up to one part in 2^64 / `bound`."""
        return (self.bits() * bound) >> 64

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return (self.bits() >> 11) / float(1 << 53)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order (Fisher and Yates)."""
        mixed = list(items)
        for last in range(len(mixed) - 1, 0, -1):
            other = self.below(last + 1)
            mixed[last], mixed[other] = mixed[other], mixed[last]
        return mixed


def draws_for(seed: int, *keys: str | int) -> Draws:
    """The draws of one item: a function of the seed and the item's own name."""
    return Draws(seed_for(seed, *keys))
