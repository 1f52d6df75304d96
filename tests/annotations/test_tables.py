from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.annotations.tables import read_rows
from llavaction.utils.errors import DataError


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_columns_are_read_by_name_in_any_order(tmp_path: Path) -> None:
    path = write(tmp_path, "noun,extra,verb\nplate,x,take\n")
    (row,) = read_rows(path, ["verb", "noun"])
    assert (row.text("verb"), row.text("noun")) == ("take", "plate")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = write(tmp_path, "verb,noun\ntake,plate\n", "utf-8-sig")
    assert [row.text("verb") for row in read_rows(path, ["verb"])] == ["take"]


def test_quotes_protect_commas_and_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path, 'narration,verb\r\n"put cup, then ""wash""\nit",put\r\ntake,take\r\n')
    assert [row.text("narration") for row in read_rows(path, ["narration"])] == ['put cup, then "wash"\nit', "take"]


def test_cells_are_stripped(tmp_path: Path) -> None:
    path = write(tmp_path, "verb,id\n  take , 3 \n")
    (row,) = read_rows(path, ["verb"])
    assert (row.text("verb"), row.integer("id")) == ("take", 3)


def test_a_missing_column_is_named_with_the_nearest_there_is(tmp_path: Path) -> None:
    path = write(tmp_path, "verb_clas,noun\n0,1\n")
    with pytest.raises(
        DataError, match=r"table\.csv: no column 'verb_class'; did you mean 'verb_clas'\?.*has verb_clas, noun"
    ):
        list(read_rows(path, ["noun", "verb_class"]))  # fmt: skip


@pytest.mark.parametrize("line", ["take", "take,plate,more", ""])
def test_a_row_of_another_length_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, f"verb,noun\ntake,plate\n{line}\nput,cup\n")
    with pytest.raises(DataError, match=r"table\.csv: data row 2 has \d cells, the header 2"):
        list(read_rows(path, ["verb"]))


def test_an_empty_file_says_which_columns_it_should_have(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table\.csv: empty file.*verb, noun"):
        list(read_rows(write(tmp_path, ""), ["verb", "noun"]))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: no such file"):
        list(read_rows(tmp_path / "absent.csv", ["verb"]))


def test_another_encoding_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "verb\nsauté\n", "latin-1")
    with pytest.raises(DataError, match=r"table\.csv: not UTF-8"):
        list(read_rows(path, ["verb"]))


@pytest.mark.parametrize("num_rows", [3, 30_000])
def test_a_quote_left_open_is_an_error_that_names_the_file(tmp_path: Path, num_rows: int) -> None:
    path = write(tmp_path, 'narration,verb\n"take plate,take\n' + "put cup,put\n" * num_rows)
    with pytest.raises(DataError, match=r"table\.csv: (data row 1 has 1 cells|line \d+: .*quote left open)"):
        list(read_rows(path, ["verb"]))


@pytest.mark.parametrize(
    ("cell", "problem"),
    [("", "empty"), ("  ", "empty"), ("1.0", "expected a whole number"), ("one", "expected a whole number")],
)
def test_a_bad_cell_is_named_with_row_column_and_value(tmp_path: Path, cell: str, problem: str) -> None:
    path = write(tmp_path, f"id,key\n0,a\n{cell},b\n")
    _, row = read_rows(path, ["id"])
    with pytest.raises(DataError) as failure:
        row.integer("id")
    assert str(failure.value) == f"{path}: data row 2, column 'id' = {cell!r}: {problem}"
