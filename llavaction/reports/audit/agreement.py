"""How far raters agree beyond chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llavaction.reports.audit.sheet import Verdict


@dataclass(frozen=True)
class Agreement:
    """Over the distractors that every rater judged.

    Attributes:
        measure: which kappa: Cohen's for two raters, Fleiss' for more.
        percent_alike: share, 0 to 1, of pairs of raters with the same verdict, over all distractors; None without any.
        kappa: 1 is full agreement, 0 what chance gives; None without any, or where every verdict is the same word, so
            that chance alone would agree fully.
    """

    num_raters: int
    num_distractors: int
    measure: str
    percent_alike: float | None
    kappa: float | None


def measure_agreement(verdicts: Sequence[Sequence[Verdict | None]]) -> Agreement:
    """Compare raters.

    Cohen (1960) takes chance from each rater's own frequencies, Fleiss (1971) from those of all raters together.

    Args:
        verdicts: for each distractor those of all raters, two or more, in the same order of raters.
    """
    num_raters = len(verdicts[0]) if verdicts else 0
    shared = [words for words in verdicts if None not in words]
    measure = "Cohen's kappa" if num_raters == 2 else "Fleiss' kappa"
    if not shared:
        return Agreement(num_raters, 0, measure, None, None)
    observed = sum(map(_share_alike, shared)) / len(shared)
    expected = _cohen_chance(shared) if num_raters == 2 else _fleiss_chance(shared)
    kappa = None if expected == 1 else (observed - expected) / (1 - expected)
    return Agreement(num_raters, len(shared), measure, observed, kappa)


def _share_alike(words: Sequence[Verdict | None]) -> float:
    """Share of the pairs of raters that gave one distractor the same verdict."""
    pairs = len(words) * (len(words) - 1)
    return sum(count * (count - 1) for count in Counter(words).values()) / pairs


def _cohen_chance(shared: Sequence[Sequence[Verdict | None]]) -> float:
    first, second = (Counter(words[rater] for words in shared) for rater in (0, 1))
    return sum(first[verdict] * second[verdict] for verdict in Verdict) / len(shared) ** 2


def _fleiss_chance(shared: Sequence[Sequence[Verdict | None]]) -> float:
    counts = Counter(word for words in shared for word in words)
    return sum(count**2 for count in counts.values()) / sum(counts.values()) ** 2
