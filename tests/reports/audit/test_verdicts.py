"""Filled sheets against what was drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from llavaction.reports.audit.questions import Question
from llavaction.reports.audit.sheet import SheetRow, Verdict, blank_rows, to_csv
from llavaction.reports.audit.verdicts import majority, read_raters
from llavaction.utils.errors import DataError

V, A, U = Verdict.VALID, Verdict.ALSO_CORRECT, Verdict.UNCLEAR


@pytest.fixture
def rows(questions: list[Question]) -> list[SheetRow]:
    """The sheet with a verdict in its first row."""
    first, *others = blank_rows(questions)
    return [replace(first, verdict=V, comment=" fine "), *others]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write_sheet(rows: list[SheetRow], name: str = "anna.csv") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(to_csv(rows), encoding="utf-8", newline="")
        return str(path)

    return write_sheet


def test_blanks_and_lost_rows_are_counted(
    rows: list[SheetRow], write: Callable[..., str], questions: list[Question]
) -> None:
    (rater,) = read_raters([write(rows[:-3])], questions)

    assert (rater.name, rater.num_judged, rater.num_blank, rater.num_absent) == ("anna", 1, 8, 3)
    assert list(rater.verdicts) == [row.key for row in rows]
    assert rater.verdicts[rows[0].key] is V
    assert rater.comments == {rows[0].key: "fine"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"sample_id": "mqa/specialist/other"}, "no such distractor was drawn; set output=FOLDER"),
        # The answer itself is no distractor.
        ({"option_idx": 0}, "option_idx 0: no such distractor was drawn"),
        ({"option_idx": 9}, "option_idx 9: no such distractor was drawn"),
        ({"distractor": "take cup"}, "distractor is 'take cup' in the sheet and 'grab cup' in the sample file; one of"),
        ({"answer": "x"}, "answer is 'x' in the sheet and 'take plate' in"),
        ({"distractor_action": "x"}, "distractor_action is 'x' in the sheet and 'take cup' in"),
    ],
)
def test_rows_that_are_not_those_of_the_drawing(
    change: dict[str, object],
    error: str,
    rows: list[SheetRow],
    write: Callable[..., str],
    questions: list[Question],
) -> None:
    changed = replace(rows[0], **change)  # type: ignore[arg-type]
    path = write([changed, *rows[1:]])

    with pytest.raises(DataError, match=error) as caught:
        read_raters([path], questions)
    assert str(caught.value).startswith(f"{path}: sample {changed.sample_id!r}, option_idx {changed.option_idx}: ")


def test_raters_need_names(rows: list[SheetRow], write: Callable[..., str], questions: list[Question]) -> None:
    paths = [write(rows, "one/audit.csv"), write(rows, "two/audit.csv")]

    with pytest.raises(DataError, match="2 files are named 'audit'; name them after their raters"):
        read_raters(paths, questions)


def test_an_empty_sheet_is_an_error(write: Callable[..., str], questions: list[Question]) -> None:
    with pytest.raises(DataError, match=r"no verdicts in it; fill the sheet"):
        read_raters([write(blank_rows(questions))], questions)


@pytest.mark.parametrize(
    ("given", "decided"),
    [
        ([A], A),
        ([None], None),
        ([None, None, V], V),
        ([A, A], A),
        ([A, V], U),
        ([A, A, V], A),
        ([A, V, U], U),
        ([A, A, V, V], U),
        ([A, A, V, None], A),
        ([U, U, V], U),
    ],
)
def test_more_than_half_of_those_who_judged_decide(given: list[Verdict | None], decided: Verdict | None) -> None:
    assert majority(given) is decided
    assert majority(given[::-1]) is decided
