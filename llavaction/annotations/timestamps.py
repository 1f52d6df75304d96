"""EK100 timestamps: ``HH:MM:SS.cc`` text and seconds."""

from __future__ import annotations

import re

_TIMESTAMP = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d(?:\.\d+)?)")


def parse_timestamp(text: str) -> float:
    """Seconds from ``HH:MM:SS[.fraction]``.

    >>> parse_timestamp("00:01:02.50")
    62.5

    Raises:
        ValueError: when the text has another form.
    """
    match = _TIMESTAMP.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a timestamp of the form HH:MM:SS.cc")
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def format_timestamp(seconds: float, decimals: int = 2) -> str:
    """``HH:MM:SS.cc`` from seconds, rounded to `decimals` digits.

    >>> format_timestamp(62.5)
    '00:01:02.50'
    """
    ticks = round(seconds * 10**decimals)
    if ticks < 0:
        raise ValueError(f"{seconds} s is negative")
    whole, fraction = divmod(ticks, 10**decimals)
    text = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{text}.{fraction:0{decimals}d}" if decimals else text
