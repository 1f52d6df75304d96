from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import dump_line, read_json, read_jsonl, write_json, write_jsonl, write_text
from tests.properties import reproducible

# Lone surrogates have no UTF-8 form.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
rows = st.dictionaries(texts, scalars | st.lists(scalars, max_size=3), max_size=4)


@reproducible
@given(st.lists(rows, max_size=5))
def test_rows_survive_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "rows.jsonl"
    assert write_jsonl(path, written) == len(written)
    assert list(read_jsonl(path)) == written


def test_equal_rows_are_equal_bytes() -> None:
    assert dump_line({"b": 1, "a": "é"}) == dump_line({"a": "é", "b": 1}) == '{"a":"é","b":1}'


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_line({"score": float("nan")})


def test_folders_are_made_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "rows.jsonl"
    write_jsonl(path, [{"a": 1}])
    assert list(path.parent.iterdir()) == [path]


def test_a_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [{"a": 1}])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_jsonl(path, iter([{"a": 2}, {"a": float("inf")}]))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == '{"a":1}\n'


def test_a_text_that_cannot_be_encoded_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "text.txt", "a lone surrogate: \ud800")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_never_half_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "text.txt"
    write_text(path, "old")
    replace = Path.replace
    seen: list[str] = []

    def watch(source: Path, target: Path) -> Path:
        seen.extend([target.read_text(), source.read_text()])
        assert source.parent == target.parent  # renaming is atomic within one file system only
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", watch)
    write_text(path, "new")
    assert seen == ["old", "new"]
    assert path.read_text() == "new"


def test_json_survives_the_round_trip_and_is_indented(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"b": [1, 2.5, None], "a": "é"})
    assert read_json(path) == {"b": [1, 2.5, None], "a": "é"}
    assert path.read_text(encoding="utf-8").startswith('{\n  "b": [')
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b'{"a": ', b'{"a": "\xe9"}'])
def test_a_file_that_is_not_json_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "value.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"value\.json: not JSON"):
        read_json(path)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a": 1', r"not JSON"),
        (b"", r"not JSON"),
        (b'{"a": "\xe9"}', r"not JSON"),
        (b"[1, 2]", r"expected a JSON object, found list"),
        (b"3", r"expected a JSON object, found int"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, line: bytes, problem: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": 2}\n' + line + b"\n")
    with pytest.raises(DataError, match=rf"rows\.jsonl:3: {problem}"):
        list(read_jsonl(path))


@pytest.mark.parametrize("read", [read_json, lambda path: list(read_jsonl(path))])
def test_a_missing_file_is_named(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(DataError, match=r"absent\.json: no such file"):
        read(tmp_path / "absent.json")
