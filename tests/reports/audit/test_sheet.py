"""The sheet survives spreadsheets, and says which line is wrong."""

from __future__ import annotations

import csv
import io
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.reports.audit.questions import Question
from llavaction.reports.audit.sheet import COLUMNS, SheetRow, Verdict, blank_rows, guard, read_sheet, to_csv, unguard
from llavaction.utils.errors import DataError

ROW = SheetRow("mqa/s/1", "P01_1", 2, "take plate", "grab plate", "take plate")


def saved(path: Path, rows: list[SheetRow], **style: str) -> Path:
    """A sheet as another program writes it."""
    cells = list(csv.reader(io.StringIO(to_csv(rows).removeprefix("\ufeff"), newline="")))
    text = io.StringIO()
    csv.writer(text, **style).writerows(cells)  # type: ignore[arg-type]
    path.write_bytes(text.getvalue().encode())
    return path


def test_a_row_per_distractor(questions: list[Question]) -> None:
    rows = blank_rows(questions)

    assert len(rows) == 12
    assert rows[4] == SheetRow("mqa/specialist/P01_01_1", "P01_01_1", 0, "grab cup", "take plate", "take plate")
    assert [row.option_idx for row in rows[:8]] == [1, 2, 3, 4, 0, 2, 3, 4]


def test_the_file_is_what_spreadsheets_expect() -> None:
    assert to_csv([ROW]) == (
        "\ufeffsample_id,segment_id,option_idx,answer,distractor,distractor_action,verdict,comment\r\n"
        "mqa/s/1,P01_1,2,take plate,grab plate,take plate,,\r\n"
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_what_excel_and_libreoffice_save_can_be_read(
    delimiter: str, line_end: str, mark: bytes, tmp_path: Path
) -> None:
    rows = [
        SheetRow("a", "", 0, "x; y", "a, b", 'say "hi"', Verdict.ALSO_CORRECT, "naïve – comment\twith tab"),
        SheetRow("b", "S", 1, "=1+1", "-5", "@home", Verdict.UNCLEAR, "'=quoted"),
    ]
    path = saved(tmp_path / "a.csv", rows, delimiter=delimiter, lineterminator=line_end)
    path.write_bytes(mark + path.read_bytes())

    assert read_sheet(path) == rows


def test_columns_may_stand_in_any_order_among_others(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    head = [*COLUMNS[::-1], "my notes", ""]
    cells = ["", "Also correct", "take plate", "grab plate", "take plate", "2", "P01_1", "mqa/s/1", "!", ""]
    path.write_text("\n".join([";".join(head), ";".join(cells), ";" * 9, ""]))

    (row,) = read_sheet(path)
    assert row == SheetRow(*list(vars(ROW).values())[:6], Verdict.ALSO_CORRECT)


def test_separators_that_excel_leaves_out_at_the_end_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(to_csv([ROW]).replace("take plate,,", "take plate"))

    assert read_sheet(path) == [ROW]


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        ("valid", Verdict.VALID),
        (" Valid ", Verdict.VALID),
        ("also correct", Verdict.ALSO_CORRECT),
        ("ALSO-CORRECT", Verdict.ALSO_CORRECT),
        ("unclear", Verdict.UNCLEAR),
        ("  ", None),
    ],
)
def test_verdicts_as_people_write_them(word: str, verdict: Verdict | None, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(to_csv([ROW]).replace("take plate,,", f"take plate,{word},"))

    assert read_sheet(path)[0].verdict is verdict


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("plate,,", "plate,vaild,", r":2: verdict 'vaild' is none of \['valid', .*; did you mean 'valid'\?, or leave"),
        (",2,", ",two,", ":2: option_idx 'two' is not a whole number"),
        (",2,", ",-2,", ":2: option_idx '-2' is not"),
        ("plate,,", "plate,,,,more", ":2: 10 cells, the first line has 8"),
        ("verdict", "opinion", ":1: must have each of these columns once: verdict; has"),
        ("comment", "verdict", ":1: must have each of these columns once: verdict, comment"),
        ("grab", '"grab"x', r":2: not CSV"),
        ("grab", "gr\xe4b", "not UTF-8; save it as CSV with the character set UTF-8"),
    ],
)
def test_what_cannot_be_read_is_named(old: str, new: str, error: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(to_csv([ROW]).removeprefix("\ufeff").replace(old, new).encode("latin-1"))

    with pytest.raises(DataError, match=error) as caught:
        read_sheet(path)
    assert str(caught.value).startswith(str(path))


def test_a_row_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(to_csv([ROW, ROW]), newline="")

    with pytest.raises(DataError, match=r":3: sample 'mqa/s/1', option_idx 2 stands in the sheet twice; keep one"):
        read_sheet(path)


@pytest.mark.parametrize(("text", "error"), [(None, "no such file"), ("", "must have each of these columns once")])
def test_no_sheet_at_all(text: str | None, error: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "a.csv").write_text(text)

    with pytest.raises(DataError, match=error):
        read_sheet(tmp_path / "a.csv")


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@x", "\tx", "\rx", "\nx", "'=x", "''@x"])
def test_formulas_are_guarded(text: str) -> None:
    assert guard(text) == "'" + text


@pytest.mark.parametrize("text", ["", "take plate", "'tis", "a=b", "3-4", "'", "“=”", " =x"])
def test_nothing_else_is_touched(text: str) -> None:
    assert guard(text) == unguard(text) == text


CELLS = st.text(st.sampled_from("=+-@'\"\t\r\n,; ab\u2028é") | st.sampled_from(string.printable), max_size=8)


@given(CELLS)
def test_guarding_is_undone(text: str) -> None:
    assert unguard(guard(text)) == text


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS), max_size=4))
def test_every_text_comes_back(tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, ...]]) -> None:
    rows = [
        SheetRow(f"{number}{text[0]}", text[1], number, text[2], text[3], text[4]) for number, text in enumerate(texts)
    ]
    path = tmp_path_factory.mktemp("sheet") / "a.csv"
    path.write_bytes(to_csv(rows).encode())

    assert read_sheet(path) == rows
