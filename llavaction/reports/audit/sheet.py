"""The sheet that a rater fills: one row per distractor, as CSV that spreadsheet programs open and save.

Written as UTF-8 with a byte-order mark (without it Excel takes UTF-8 for something else), commas and CRLF. Read with
commas, semicolons or tabs, in any order of columns; columns of a rater's own are passed over.

A cell that a spreadsheet would run as a formula (it begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end) is
written behind an apostrophe, and so is one that would begin so after apostrophes of its own; reading takes one
apostrophe off such cells. No other cell is touched, and every text comes back as it was; ``=x`` does so even from a
program that drops the apostrophe.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from llavaction.reports.audit.questions import Question
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError, nearest

BYTE_ORDER_MARK = "\ufeff"
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


class Verdict(StrEnum):
    """What a person says of a distractor; spaces and hyphens may stand for the underscore."""

    VALID = "valid"
    """It is wrong: not what the clip shows."""
    ALSO_CORRECT = "also_correct"
    """It is right too: a fair description of what the clip shows."""
    UNCLEAR = "unclear"
    """The pictures do not tell."""


@dataclass(frozen=True)
class SheetRow:
    """A distractor; `verdict` is empty until somebody judges it. Fields are the columns."""

    sample_id: str
    segment_id: str
    option_idx: int
    answer: str
    distractor: str
    distractor_action: str
    verdict: Verdict | None = None
    comment: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """What tells rows apart."""
        return self.sample_id, self.option_idx


COLUMNS = tuple(item.name for item in fields(SheetRow))


def blank_rows(questions: Iterable[Question]) -> list[SheetRow]:
    """A row for each distractor, in order."""
    return [
        SheetRow(
            question.sample.sample_id,
            question.sample.segment_id or "",
            distractor.option_idx,
            question.answer.text,
            distractor.text,
            distractor.action,
        )
        for question in questions
        for distractor in question.distractors
    ]


def cells_of(row: SheetRow) -> list[str]:
    """The cells of a row as they are written."""
    return [guard("" if value is None else str(value)) for value in astuple(row)]


def to_csv(rows: Iterable[SheetRow]) -> str:
    """The sheet as text, to be written without any change of line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(cells_of, rows))
    return BYTE_ORDER_MARK + text.getvalue()


def read_sheet(path: Path) -> list[SheetRow]:
    """Read a sheet, filled or not.

    Raises:
        DataError: naming the line, when the file is missing or not UTF-8, lacks a column, has an unknown verdict, a
            row twice or a row that is no row of a sheet.
    """
    rows: dict[tuple[str, int], SheetRow] = {}
    for number, cells in _records(path):
        try:
            row = _parse(cells)
        except DataError as error:
            raise DataError(f"{path}:{number}: {error}") from None
        if rows.setdefault(row.key, row) is not row:
            raise DataError(
                f"{path}:{number}: sample {row.sample_id!r}, option_idx {row.option_idx} stands in the sheet twice; "
                "keep one of the two rows"
            )
    return list(rows.values())


def guard(text: str) -> str:
    """A cell that no spreadsheet runs as a formula."""
    return "'" + text if _FORMULA.match(text) else text


def unguard(cell: str) -> str:
    """The text that `guard` was given."""
    return cell[1:] if _GUARDED.match(cell) else cell


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells by column of each row that is not empty."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8; save it as CSV with the character set UTF-8") from None
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        if missing := [name for name in COLUMNS if columns.count(name) != 1]:
            raise DataError(f"{path}:1: must have each of these columns once: {', '.join(missing)}; has {columns}")
        for cells in reader:
            if not any(cells):
                continue
            if any(cells[len(columns) :]):
                raise DataError(f"{path}:{reader.line_num}: {len(cells)} cells, the first line has {len(columns)}")
            # Excel leaves out separators at the end of some rows.
            padded = [*cells, *[""] * (len(columns) - len(cells))]
            yield reader.line_num, {name: unguard(cell) for name, cell in zip(columns, padded)}
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not CSV ({error})") from None


def _parse(cells: dict[str, str]) -> SheetRow:
    number = cells["option_idx"].strip()
    if not (number.isascii() and number.isdigit()):
        raise DataError(f"option_idx {cells['option_idx']!r} is not a whole number")
    texts = {name: cells[name] for name in COLUMNS if name not in ("option_idx", "verdict")}
    return SheetRow(**texts, option_idx=int(number), verdict=_verdict(cells["verdict"]))


def _verdict(word: str) -> Verdict | None:
    known = [verdict.value for verdict in Verdict]
    plain = re.sub(r"[\s_-]+", "_", word.strip().lower())
    if not plain:
        return None
    if plain not in known:
        raise DataError(f"verdict {word!r} is none of {known}{nearest(plain, known)}, or leave it empty")
    return Verdict(plain)
