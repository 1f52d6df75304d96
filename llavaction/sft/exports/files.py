"""Large files, written row by row and still whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llavaction.utils.jsonl import dump_line


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A neighbour of `path` to write to; it takes the place of `path` unless the block fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json_rows(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write a JSON list, one row per line, and return how many rows it has."""
    num_rows = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(",\n" if num_rows else "[\n")
            file.write(dump_line(row))
            num_rows += 1
        file.write("\n]\n" if num_rows else "[]\n")
    return num_rows
