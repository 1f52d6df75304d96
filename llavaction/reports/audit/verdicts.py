"""What raters said of the drawn distractors: filled sheets against the questions they were made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llavaction.reports.audit.questions import Question
from llavaction.reports.audit.sheet import SheetRow, Verdict, blank_rows, read_sheet
from llavaction.utils.errors import DataError

_MUST_AGREE = ("answer", "distractor", "distractor_action")

Key = tuple[str, int]
"""Sample id and option index of a distractor."""


@dataclass(frozen=True)
class Rater:
    """One filled sheet.

    Attributes:
        name: the file's name without its ending.
        verdicts: of every drawn distractor; None where it is not judged yet.
        comments: of those that have one.
        num_blank: rows of the sheet without a verdict.
        num_absent: drawn distractors that the sheet has no row of.
    """

    name: str
    verdicts: dict[Key, Verdict | None]
    comments: dict[Key, str]
    num_blank: int
    num_absent: int

    @property
    def num_judged(self) -> int:
        """Distractors with a verdict."""
        return sum(verdict is not None for verdict in self.verdicts.values())


def read_raters(paths: Sequence[str], questions: Sequence[Question]) -> list[Rater]:
    """Read filled sheets, one per rater.

    Raises:
        DataError: as `read_sheet`; when two files have the same name, a row is of no drawn distractor or says
            something else than its question does, or nothing at all is judged.
    """
    expected = {row.key: row for row in blank_rows(questions)}
    raters = [_read_rater(Path(path), expected) for path in paths]
    for name, count in Counter(rater.name for rater in raters).items():
        if count > 1:
            raise DataError(f"{', '.join(paths)}: {count} files are named {name!r}; name them after their raters")
    if not any(rater.num_judged for rater in raters):
        raise DataError(f"{', '.join(paths)}: no verdicts in it; fill the sheet, or the page and download its sheet")
    return raters


def majority(verdicts: Sequence[Verdict | None]) -> Verdict | None:
    """The verdict of more than half of those raters who gave one; unclear where there is no such verdict."""
    given = [verdict for verdict in verdicts if verdict is not None]
    if not given:
        return None
    verdict, count = Counter(given).most_common(1)[0]
    return verdict if 2 * count > len(given) else Verdict.UNCLEAR


def _read_rater(path: Path, expected: dict[Key, SheetRow]) -> Rater:
    rows = {row.key: row for row in read_sheet(path)}
    for row in rows.values():
        _check_row(path, row, expected)
    return Rater(
        name=path.stem,
        verdicts={key: rows[key].verdict if key in rows else None for key in expected},
        comments={key: row.comment.strip() for key, row in rows.items() if row.comment.strip()},
        num_blank=sum(row.verdict is None for row in rows.values()),
        num_absent=len(expected.keys() - rows.keys()),
    )


def _check_row(path: Path, row: SheetRow, expected: dict[Key, SheetRow]) -> None:
    place = f"{path}: sample {row.sample_id!r}, option_idx {row.option_idx}"
    if row.key not in expected:
        raise DataError(
            f"{place}: no such distractor was drawn; set output=FOLDER to the folder that the sheet was drawn into"
        )
    for column in _MUST_AGREE:
        found, wanted = getattr(row, column), getattr(expected[row.key], column)
        if found != wanted:
            raise DataError(
                f"{place}: {column} is {found!r} in the sheet and {wanted!r} in the sample file; one of them was "
                "changed since the drawing, so the verdict may be about something else"
            )
