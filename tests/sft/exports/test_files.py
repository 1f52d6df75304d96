from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llavaction.sft.exports.files import replacing, write_json_rows


@pytest.mark.parametrize("rows", [[], [{"a": 1}], [{"b": "é\u2028\n", "a": 1}, {"c": [None]}]])
def test_rows_are_a_json_list(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "new" / "rows.json"
    assert write_json_rows(path, rows) == len(rows)
    assert json.loads(path.read_text(encoding="utf-8")) == rows


def test_a_row_stands_on_a_line(tmp_path: Path) -> None:
    write_json_rows(tmp_path / "rows.json", [{"b": 1, "a": "x"}, {"c": 2}])
    assert (tmp_path / "rows.json").read_text() == '[\n{"a":"x","b":1},\n{"c":2}\n]\n'


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    write_json_rows(path, [{"a": 1}])

    def broken() -> Iterator[dict[str, Any]]:
        yield {"a": 2}
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write_json_rows(path, broken())
    assert json.loads(path.read_text()) == [{"a": 1}]
    assert [file.name for file in tmp_path.iterdir()] == ["rows.json"]


def test_nothing_stands_in_the_place_before_the_end(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_text() == "x"
