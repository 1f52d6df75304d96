"""Whether the right answers of questions are spread evenly over the letters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LetterBalance:
    """How often each letter is right.

    Attributes:
        counts: questions by letter, A first.
        chi_square: Pearson's statistic against equal counts.
        p_value: how likely a fair draw gives counts at least as uneven; small values speak of a bias.
    """

    counts: tuple[int, ...]
    chi_square: float
    p_value: float


def balance_letters(counts: Sequence[int]) -> LetterBalance:
    """Compare counts of two or more letters with equal ones."""
    expected = sum(counts) / len(counts)
    statistic = sum((count - expected) ** 2 / expected for count in counts)
    return LetterBalance(tuple(counts), statistic, chi_square_p(statistic, len(counts) - 1))


def chi_square_p(statistic: float, degrees: int) -> float:
    """Probability that a chi-square variable with `degrees` (1 or more) of freedom is `statistic` or larger.

    The survival function has a closed form for whole degrees of freedom (Abramowitz and Stegun, 26.4.4 and 26.4.5).
    """
    half = statistic / 2
    if degrees % 2 == 0:
        terms = (half**i / math.factorial(i) for i in range(degrees // 2))
        return math.exp(-half) * sum(terms)
    terms = (half ** (i - 0.5) / math.gamma(i + 0.5) for i in range(1, (degrees + 1) // 2))
    return math.erfc(math.sqrt(half)) + math.exp(-half) * sum(terms)
