"""The enum behind every choice: its value is the word in YAML files, on the command line and in reports."""

from __future__ import annotations

from enum import Enum, EnumMeta
from typing import Any


class _ByWord(EnumMeta):
    """Looks members up by value too: OmegaConf reads enums with ``cls["word"]`` and means the member's name."""

    def __getitem__(cls, word: str) -> Any:
        try:
            return super().__getitem__(word)
        except KeyError:
            for member in cls:  # type: ignore[var-annotated]
                if member.value == word:
                    return member
            raise


class StrEnum(str, Enum, metaclass=_ByWord):
    """Members are strings and print as their value (`enum.StrEnum` does not exist in Python 3.10).

    The value is the member's name in lower case, so that a choice has one word everywhere.
    """

    def __str__(self) -> str:
        return str(self.value)
