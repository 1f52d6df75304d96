"""JSONL and JSON files, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from llavaction.utils.errors import DataError

T = TypeVar("T")

# One encoder for all lines: json.dumps with options would make a new one for each.
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def dump_line(row: dict[str, Any]) -> str:
    """One row as compact JSON with sorted keys, so that equal rows are equal bytes."""
    return _ENCODER.encode(row)


def write_text(path: Path, text: str) -> None:
    """Write `text` to a neighbour file, then rename it: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, atomically."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write one JSON object per line, atomically, and return how many."""
    lines = [dump_line(row) for row in rows]
    write_text(path, "".join(line + "\n" for line in lines))
    return len(lines)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: when the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except ValueError as error:  # not JSON, or not UTF-8
        raise DataError(f"{path}: not JSON ({error})") from None


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSONL file, one per line.

    Raises:
        DataError: when the file is missing, or a line (named by its number) is not a JSON object.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    with file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
            except ValueError as error:  # not JSON, or not UTF-8
                raise DataError(f"{path}:{number}: not JSON ({error})") from None
            if not isinstance(row, dict):
                raise DataError(f"{path}:{number}: expected a JSON object, found {type(row).__name__}")
            yield row


def read_unique(path: Path, parse: Callable[[dict[str, Any]], T], id_of: Callable[[T], str]) -> list[T]:
    """Read a JSONL file into records whose ids are unique.

    Raises:
        DataError: naming the line, when `parse` refuses it or an id stands twice.
    """
    records: dict[str, T] = {}
    for number, row in enumerate(read_jsonl(path), start=1):
        try:
            record = parse(row)
        except DataError as error:
            raise DataError(f"{path}:{number}: {error}") from None
        if records.setdefault(id_of(record), record) is not record:
            raise DataError(f"{path}:{number}: {id_of(record)!r} stands in the file twice")
    return list(records.values())
