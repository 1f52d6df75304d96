"""Values as JSON and YAML take them."""

from __future__ import annotations

from typing import Any

from llavaction.utils.enums import StrEnum


def plain(value: Any) -> Any:
    """`value` with its words as strings and its tuples as lists, at any depth."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value
