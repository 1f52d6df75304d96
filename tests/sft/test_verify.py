"""The first difference between a build and its rebuild."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llavaction.sft.samples import View
from llavaction.sft.verify import first_difference
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_json, read_jsonl, write_json, write_jsonl
from tests.sft.small_build import build_again, build_small

VIEWS = [View.MQA, View.DIRECT]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of samples."""
    folder = tmp_path_factory.mktemp("built")
    build_small(folder, "random", views=VIEWS)
    return folder / "sft"


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    return Path(shutil.copytree(built, tmp_path / "copy"))


def change_rows(path: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    rows = list(read_jsonl(path))
    change(rows)
    write_jsonl(path, rows)


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = read_json(folder / "manifest.json")
    change(manifest)
    write_json(folder / "manifest.json", manifest)


def test_equal_builds_have_no_difference(built: Path, copy: Path) -> None:
    assert first_difference(copy, built) is None


def test_neither_order_nor_shards_nor_spaces_are_a_difference(built: Path, copy: Path, tmp_path: Path) -> None:
    build_small(tmp_path, "random", views=VIEWS, num_shards=3)
    assert first_difference(tmp_path / "sft", built) is None
    assert first_difference(built, tmp_path / "sft") is None
    change_rows(copy / "train_mqa.jsonl", list.reverse)
    spaced = [json.dumps(row, indent=None, separators=(", ", ": ")) for row in read_jsonl(copy / "train_direct.jsonl")]
    (copy / "train_direct.jsonl").write_text("\n".join(spaced) + "\n")
    assert first_difference(copy, built) is None


EDITS: dict[str, tuple[Callable[[list[dict[str, Any]]], object], str]] = {
    "a word": (
        lambda rows: rows[1]["turns"][0].update(text="What now?"),
        r"sample 'direct/P02_07_1' differs in turns\[0\]\.text: 'What now\?', rebuilt 'What is it\?'",
    ),
    "a time": (
        lambda rows: rows[2]["clip"].update(stop_s=99.0),
        r"sample 'direct/P02_07_2' differs in clip\.stop_s: 99\.0, rebuilt 14\.5",
    ),
    "a whole number": (
        lambda rows: rows[0]["clip"].update(start_s=0),
        r"sample 'direct/P02_07_0' differs in clip\.start_s: 0, rebuilt 0\.0",
    ),
    "a field more": (
        lambda rows: rows[0].update(note="hm"),
        r"sample 'direct/P02_07_0' differs in note: 'hm', rebuilt None",
    ),
    "a turn less": (
        lambda rows: rows[3]["turns"].pop(),
        r"sample 'direct/P02_07_3' differs in turns\[1\]: None, rebuilt \{",
    ),
    "a sample less": (lambda rows: rows.pop(1), "sample 'direct/P02_07_1' is in the rebuild alone"),
    "a sample more": (
        lambda rows: rows.append({**rows[0], "sample_id": "direct/X"}),
        "sample 'direct/X' is not in the rebuild",
    ),
    "a sample twice": (lambda rows: rows.append(rows[0]), "a sample stands in it more than once"),
    "two samples": (
        lambda rows: [row.update(view="mqa") for row in rows[2:]],
        "sample 'direct/P02_07_2' differs in view: 'mqa', rebuilt 'direct'",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_file_is_told_by_its_first_difference(built: Path, copy: Path, name: str) -> None:
    edit, problem = EDITS[name]
    change_rows(copy / "validation_direct.jsonl", edit)
    difference = first_difference(copy, built) or "none"
    assert re.match(rf"validation_direct\.jsonl: {problem}", difference), difference
    assert difference.endswith("(the file is not as the build wrote it)")


def test_a_removed_file_is_a_difference(built: Path, copy: Path) -> None:
    (copy / "train_direct.jsonl").unlink()
    assert first_difference(copy, built) == (
        "train_direct.jsonl: sample 'direct/P01_01_0' is in the rebuild alone (the file is not as the build wrote it)"
    )


def test_other_files_are_a_difference(built: Path, tmp_path: Path) -> None:
    build_small(tmp_path, "random", views=[View.DIRECT])
    difference = first_difference(tmp_path / "sft", built) or ""
    assert "names the files ['train_direct.jsonl', 'validation_direct.jsonl'], the rebuild ['train_direct" in difference


def test_changed_sources_are_named(built: Path, tmp_path: Path) -> None:
    build_small(tmp_path, "random", views=VIEWS)
    train = tmp_path / "EPIC_100_train.csv"
    train.write_text(train.read_text().replace("wash knife", "clean knife"))
    build_again(tmp_path, "random", views=VIEWS)
    difference = first_difference(built, tmp_path / "sft") or ""
    assert difference.startswith("train_mqa.jsonl: sample 'mqa/random/P01_01_")
    assert "clean knife" in difference
    assert difference.endswith("(source files have changed: EPIC_100_train.csv)")


def test_sources_that_change_no_sample_are_no_difference(built: Path, tmp_path: Path) -> None:
    build_small(tmp_path, "random", views=VIEWS)
    with (tmp_path / "EPIC_100_video_info.csv").open("a") as file:
        file.write("P99_99,10.0,50.0,1920x1080\n")
    build_again(tmp_path, "random", views=VIEWS)
    assert first_difference(built, tmp_path / "sft") is None


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda m: m.update(content_sha256="ab"), "content_sha256: 'ab', rebuilt '"),
        (lambda m: m.pop("content_sha256"), "content_sha256: None, rebuilt '"),
        (
            lambda m: m["files"]["train_mqa.jsonl"].update(content_sha256="ab"),
            "files.train_mqa.jsonl.content_sha256: 'ab', rebuilt '",
        ),
        (
            lambda m: m["files"]["train_mqa.jsonl"].update(samples=9668),
            "files.train_mqa.jsonl.samples: 9668, rebuilt 10",
        ),
        (lambda m: m["files"]["train_mqa.jsonl"].pop("samples"), "files.train_mqa.jsonl.samples: None, rebuilt 10"),
    ],
)
def test_an_edited_manifest_is_told(
    built: Path, copy: Path, edit: Callable[[dict[str, Any]], object], problem: str
) -> None:
    change_manifest(copy, edit)
    assert (first_difference(copy, built) or "none").startswith(f"{copy / 'manifest.json'}: {problem}")


@pytest.mark.parametrize("key", ["files", "sources"])
def test_what_is_no_manifest_is_refused(built: Path, copy: Path, key: str) -> None:
    change_manifest(copy, lambda manifest: manifest.pop(key))
    with pytest.raises(DataError, match=rf"manifest\.json: says nothing about {key}"):
        first_difference(copy, built)


def test_a_folder_without_a_manifest_is_refused(built: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json: no such file"):
        first_difference(built, tmp_path)
