"""From free text to an action class, by the narrations that annotators gave."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from llavaction.annotations.segments import Segment

_NOT_A_WORD = re.compile(r"[^\w\s]+")


def normalise(text: str) -> str:
    """Lower case, punctuation to spaces, single spaces: the form in which texts are compared.

    >>> normalise("Put down  the Plate.")
    'put down the plate'
    """
    return " ".join(_NOT_A_WORD.sub(" ", text.lower()).split())


def narration_classes(segments: Iterable[Segment]) -> dict[str, str]:
    """The action key (``"verb:noun"``) that each normalised narration most often stands for, in text order."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for segment in segments:
        counts[normalise(segment.narration)][segment.action_key] += 1
    # Ties go to the smaller key, so that the result does not depend on row order.
    return {text: min(keys, key=lambda key: (-keys[key], key)) for text, keys in sorted(counts.items())}
