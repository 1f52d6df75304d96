from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llavaction.annotations.epic_kitchens import Split
from llavaction.sft.exports.source import open_folder
from llavaction.sft.samples import View, write_samples
from llavaction.utils.errors import ConfigError, DataError
from tests.sft.exports.folders import FILES, FILM, PICTURES, QUESTION, TEXT, turns, write_folder


def rewrite_manifest(folder: Path, **changes: Any) -> None:
    """Change some entries; None takes one away."""
    path = folder / "manifest.json"
    manifest = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in manifest.items() if value is not None}))


def test_the_files_of_a_folder_in_their_order(tmp_path: Path) -> None:
    source = open_folder(write_folder(tmp_path), [])
    assert [file.path.name for file in source.files] == list(FILES)
    assert [file.read() for file in source.files] == list(FILES.values())
    assert source.views == [View.MQA, View.TEMPORAL_ORDER, View.TEMPORAL_DETECTION, View.REPLAY]
    assert source.splits == [Split.TRAIN, Split.VALIDATION]
    assert source.num_samples == 7


def test_only_the_chosen_views(tmp_path: Path) -> None:
    source = open_folder(write_folder(tmp_path), [View.REPLAY, View.MQA])
    assert [file.path.name for file in source.files] == [
        "train_mqa.jsonl", "train_replay.jsonl", "validation_mqa.jsonl",
    ]  # fmt: skip


def test_a_view_that_was_not_built_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"export\.views names caption, but .* has only mqa, temporal_order"):
        open_folder(write_folder(tmp_path), [View.CAPTION])


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json: no such file; `llavaction build-sft` writes it"):
        open_folder(tmp_path, [])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"seed": None, "prompts": None}, r"manifest\.json: says nothing about prompts, seed"),
        ({"files": {}}, "lists no files"),
        ({"files": ["train_mqa.jsonl"]}, r"files is \['train_mqa.jsonl'\], expected a JSON object"),
        ({"sources": "none"}, "sources is 'none', expected a JSON object"),
        ({"files": {"train_mqa.jsonl": {"samples": 1}}}, "KeyError in `files`: 'content_sha256'"),
        ({"files": {"train_mqa.jsonl": 1}}, "TypeError in `files`"),
        ({"files": {"../train_mqa.jsonl": {}}}, r"'\.\./train_mqa\.jsonl' is not a name of the form SPLIT_VIEW\.jsonl"),
        ({"files": {"train_guess.jsonl": {}}}, r"'train_guess\.jsonl' is not a name of the form SPLIT_VIEW\.jsonl"),
    ],
)
def test_a_manifest_that_says_too_little_is_refused(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    write_folder(tmp_path, {"train_mqa.jsonl": [QUESTION]})
    rewrite_manifest(tmp_path, **changes)
    if changes.get("files") == {}:
        (tmp_path / "train_mqa.jsonl").unlink()
    with pytest.raises(DataError, match=problem):
        open_folder(tmp_path, [])


def test_a_manifest_that_is_a_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(DataError, match="expected a JSON object, found list"):
        open_folder(tmp_path, [])


def test_a_file_that_the_manifest_does_not_list_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, {"train_mqa.jsonl": [QUESTION]})
    write_samples(tmp_path / "train_replay.jsonl", [TEXT])
    with pytest.raises(DataError, match=r"train_replay\.jsonl: manifest\.json does not list it"):
        open_folder(tmp_path, [])
    assert len(open_folder(tmp_path, [View.MQA]).files) == 1


@pytest.mark.parametrize("samples", [[TEXT], [QUESTION, TEXT]])
def test_a_file_that_was_changed_is_refused(tmp_path: Path, samples: list[Any]) -> None:
    (file,) = open_folder(write_folder(tmp_path, {"train_mqa.jsonl": [QUESTION]}), []).files
    write_samples(file.path, samples)
    with pytest.raises(DataError, match=rf"train_mqa\.jsonl: {len(samples)} samples with .* changed after the build"):
        file.read()


def test_a_file_in_shards_is_one(tmp_path: Path) -> None:
    write_folder(tmp_path, {"train_replay.jsonl": [TEXT, PICTURES, FILM]})
    (tmp_path / "train_replay.jsonl").unlink()
    write_samples(tmp_path / "train_replay-00000-of-00002.jsonl", [TEXT])
    write_samples(tmp_path / "train_replay-00001-of-00002.jsonl", [PICTURES, FILM])
    (file,) = open_folder(tmp_path, []).files
    assert file.read() == [TEXT, PICTURES, FILM]
    rewrite_manifest(tmp_path, files={})
    with pytest.raises(DataError, match=r"train_replay\.jsonl: manifest\.json does not list it"):
        open_folder(tmp_path, [])


def test_line_separators_within_a_text_are_no_line_ends(tmp_path: Path) -> None:
    sample = replace(TEXT, turns=turns("a\u2028b\x85c\rd\ne", "\x0bf"))
    (file,) = open_folder(write_folder(tmp_path, {"train_replay.jsonl": [sample]}), []).files
    assert file.read() == [sample]
