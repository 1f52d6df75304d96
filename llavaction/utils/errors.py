"""Errors that a user can act on: they name the file, the row or sample, the value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LlavactionError(Exception):
    """Base of all errors a user can mend. The command line prints its text and exits with code 2."""


class ConfigError(LlavactionError):
    """A configuration that cannot be run: unknown key, unknown word, values that contradict each other."""


class DataError(LlavactionError):
    """An annotation, prediction or sample file that does not say what it should."""


class VideoError(LlavactionError):
    """A video that is missing, too short or cannot be decoded."""


class CheckpointError(LlavactionError):
    """A checkpoint that is missing, incomplete or made for another model."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as ``; did you mean 'train'?``, or an empty string when nothing is near."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
