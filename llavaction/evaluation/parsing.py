"""Written answers to what they mean: an option, a stretch of time. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llavaction.text.matching import normalise

# A letter and the rest of its line: at the line's start, or behind a word that announces it.
_LEADING = re.compile(r"^[^\w\n]*([A-Z])\b(.*)$", re.IGNORECASE | re.MULTILINE)
_ANNOUNCED = re.compile(r"\b(?:answer|option|choice)(?:\s+is)?[^\w\n]*\b([A-Z])\b(.*)$", re.IGNORECASE | re.MULTILINE)
# What sets a letter apart from the words behind it; the comma of "A, B" does not.
_MARK = re.compile(r"""\s*[.:)\]*"']+(?=\s|$)|\s+[-–—]\s|\s*,(?!\s*(?:or\s|and\s)?\s*[A-Z]\b)""")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?!\d)")
_SPAN = re.compile(
    rf"({_NUMBER.pattern})\s*(?:s|sec|seconds)?\s*(?:to|until|till|-|–|—)\s*({_NUMBER.pattern})", re.IGNORECASE
)


def parse_choice(text: str, options: Sequence[str]) -> int | None:
    """Index of the option that `text` names by its letter, or by its text; None when it names none or several.

    >>> parse_choice("B. put down plate", ["take plate", "put down plate"])
    1
    >>> parse_choice("A person puts it away", ["take plate", "put down plate"]) is None
    True
    """
    several = False
    for pattern in (_LEADING, _ANNOUNCED):
        lettered = {idx for match in pattern.finditer(text) if (idx := _by_letter(match, options)) is not None}
        if len(lettered) == 1:
            return lettered.pop()
        several = several or bool(lettered)
    if several:
        return None
    said = f" {normalise(text)} "
    named = [idx for idx, option in enumerate(options) if f" {normalise(option)} " in said]
    # "put down plate" also holds "plate": an option inside another named option does not count.
    longest = [idx for idx in named if not any(_inside(options[idx], options[other]) for other in named)]
    return longest[0] if len(longest) == 1 else None


def parse_span(text: str) -> tuple[float, float] | None:
    """Start and stop in seconds that `text` names; None when it names none, several, or a stop not after the start.

    >>> parse_span("0.37 to 1.85")
    (0.37, 1.85)
    >>> parse_span("It starts at 0.4 s and stops at 2 s.")
    (0.4, 2.0)
    >>> parse_span("after 3 seconds") is None
    True
    """
    spans = [(float(start), float(stop)) for start, stop in _SPAN.findall(text)]
    if len(set(spans)) != 1:
        numbers = [float(number) for number in _NUMBER.findall(text)]
        spans = [(numbers[0], numbers[1])] if not spans and len(numbers) == 2 else []
    return spans[0] if spans and spans[0][0] < spans[0][1] else None


def _by_letter(match: re.Match[str], options: Sequence[str]) -> int | None:
    """The option of a letter that is not just a word: "A person cuts an onion" does not choose A."""
    idx = ord(match.group(1).upper()) - ord("A")
    rest = match.group(2)
    if idx >= len(options):
        return None
    stands_apart = not rest.strip() or _MARK.match(rest)
    return idx if stands_apart or normalise(rest) == normalise(options[idx]) else None


def _inside(short: str, long: str) -> bool:
    return f" {normalise(short)} " in f" {normalise(long)} " and normalise(short) != normalise(long)
