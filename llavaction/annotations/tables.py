"""CSV files whose columns are read by name and whose every defect is an error with file, row and value."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from llavaction.utils.errors import DataError, nearest

T = TypeVar("T")


class Row:
    """One CSV row; its getters know where they are and say so."""

    def __init__(self, source: Path, number: int, cells: dict[str, str]) -> None:
        self.source = source
        self.number = number
        self._cells = cells

    def fail(self, column: str, problem: str) -> DataError:
        """An error that names this row, the column and the value."""
        value = self._cells.get(column)
        return DataError(f"{self.source}: data row {self.number}, column {column!r} = {value!r}: {problem}")

    def text(self, column: str) -> str:
        """The cell, which must not be empty."""
        value = self._cells[column].strip()
        if not value:
            raise self.fail(column, "empty")
        return value

    def parse(self, column: str, convert: Callable[[str], T], expected: str) -> T:
        """The cell through `convert`, whose ValueError becomes an error that says what was `expected`."""
        try:
            return convert(self.text(column))
        except ValueError:
            raise self.fail(column, f"expected {expected}") from None

    def integer(self, column: str) -> int:
        """The cell as a whole number."""
        return self.parse(column, int, "a whole number")


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a CSV file that has at least `columns`.

    Raises:
        DataError: when the file is missing, empty, not UTF-8 or not CSV, a column is missing, or a row has
            another length than the header.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}); save it as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, None)
    if header is None:
        raise DataError(f"{path}: empty file; expected a header with {', '.join(columns)}")
    for column in columns:
        if column not in header:
            raise DataError(f"{path}: no column {column!r}{nearest(column, header)} (has {', '.join(header)})")
    try:
        for number, cells in enumerate(reader, start=1):
            if len(cells) != len(header):
                raise DataError(f"{path}: data row {number} has {len(cells)} cells, the header {len(header)}")
            yield Row(path, number, dict(zip(header, cells)))
    except csv.Error as error:
        # A quote that is never closed makes one cell of the rest of the file, which `csv` refuses when long.
        raise DataError(f"{path}: line {reader.line_num}: {error}; is a quote left open?") from None
