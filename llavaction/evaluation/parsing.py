"""A written answer to the option it means. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llavaction.text.matching import normalise

_LEADING = re.compile(r"^\W*([A-Z])(?:[\s.):,]|$)")
_NAMED = re.compile(r"\b(?:answer|option|choice)\s*(?:is|:)?\s*\(?([A-Z])\b")


def parse_choice(text: str, options: Sequence[str]) -> int | None:
    """Index of the option that `text` names by its letter, or by its text; None when it names none or several.

    >>> parse_choice("B. put down plate", ["take plate", "put down plate"])
    1
    >>> parse_choice("The person puts it away", ["take plate", "put down plate"]) is None
    True
    """
    for pattern in (_LEADING, _NAMED):
        match = pattern.search(text)
        if match and (idx := ord(match.group(1)) - ord("A")) < len(options):
            return idx
    said = f" {normalise(text)} "
    named = [idx for idx, option in enumerate(options) if f" {normalise(option)} " in said]
    # "put down plate" also holds "plate": an option inside another named option does not count.
    longest = [
        idx for idx in named if not any(_inside(options[idx], options[other]) for other in named if other != idx)
    ]
    return longest[0] if len(longest) == 1 else None


def _inside(short: str, long: str) -> bool:
    return f" {normalise(short)} " in f" {normalise(long)} " and normalise(short) != normalise(long)
