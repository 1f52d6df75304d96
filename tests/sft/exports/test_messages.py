"""Messages keep to what LLaMA-Factory and ms-swift document, and load as both load them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.sft.exports.clips import ClipFiles
from llavaction.sft.exports.messages import MessagesWriter, shown_kinds, to_messages
from llavaction.sft.exports.source import open_folder
from llavaction.sft.samples import MediaKind, Sample
from llavaction.utils.errors import DataError
from tests.properties import reproducible
from tests.sft.exports.folders import BOTH, FILES, FILM, PICTURES, QUESTION, TEXT, samples, turns, write_folder

KINDS = [MediaKind.VIDEO, MediaKind.IMAGE]

# What data/README.md of LLaMA-Factory lists for a data set in "sharegpt" form.
INFO_KEYS = {"file_name", "formatting", "ranking", "subset", "split", "folder", "num_samples", "columns", "tags"}
COLUMN_KEYS = {"messages", "system", "tools", "images", "videos", "audios", "chosen", "rejected", "kto_tag"}
TAG_KEYS = {"role_tag", "content_tag", "user_tag", "assistant_tag", "observation_tag", "function_tag", "system_tag"}
# What ms-swift keeps of a row in its standard form; "messages" has to be there.
SWIFT_KEYS = {"messages", "images", "videos", "audios", "tools", "objects", "rejected_response", "label"}


def check_llama_factory(folder: Path, name: str) -> int:
    """What LLaMA-Factory needs of one data set; returns the number of rows."""
    info = json.loads((folder / "dataset_info.json").read_text())[name]
    assert set(info) <= INFO_KEYS
    assert info["formatting"] == "sharegpt"
    assert set(info["columns"]) <= COLUMN_KEYS
    assert set(info["tags"]) <= TAG_KEYS
    assert Path(info["file_name"]).suffix == ".json"
    tags, columns = info["tags"], info["columns"]
    rows = json.loads((folder / info["file_name"]).read_text())
    for row in rows:
        messages = row[columns["messages"]]
        speakers = [message[tags["role_tag"]] for message in messages]
        assert speakers == [tags["user_tag"], tags["assistant_tag"]] * (len(messages) // 2)
        text = "\n".join(message[tags["content_tag"]] for message in messages)
        for column, tag in (("images", "<image>"), ("videos", "<video>"), ("audios", "<audio>")):
            # A declared column is looked up in every row; the counts of tags and files have to agree.
            files = row[columns[column]] if column in columns else []
            assert text.count(tag) == len(files)
    return len(rows)


def check_swift(rows: Sequence[dict[str, Any]]) -> None:
    """What ms-swift needs of rows."""
    for row in rows:
        assert set(row) <= SWIFT_KEYS
        assert row["messages"]
        for message in row["messages"]:
            assert set(message) == {"role", "content"}
            assert message["role"] in {"system", "user", "tool_call", "tool_response", "tool", "assistant"}
            assert message["content"] or message["role"] != "assistant"
        text = "\n".join(message["content"] for message in row["messages"])
        for kind in ("image", "video", "audio"):
            files = row.get(f"{kind}s", [])
            assert all(isinstance(file, str) for file in files)
            assert text.count(f"<{kind}>") == len(files)


def write(folder: Path, files: dict[str, list[Sample]]) -> Path:
    """Export a folder with these files as messages."""
    source = open_folder(write_folder(folder / "sft", files), [])
    writer = MessagesWriter(folder / "messages", "ek100", ClipFiles())
    for file in source.files:
        writer.add(file, file.read())
    writer.finish()
    return folder / "messages"


def test_a_clip() -> None:
    assert to_messages(QUESTION, [MediaKind.VIDEO], ClipFiles()) == {
        "messages": [
            {"role": "user", "content": "<video>Which?\nA. take plate\nB. put plate"},
            {"role": "assistant", "content": "A. take plate"},
        ],
        "videos": ["P01/P01_11_0.mp4"],
    }


def test_files_and_text() -> None:
    both = to_messages(BOTH, KINDS, ClipFiles())
    assert both["messages"][0]["content"] == "<image><video>And these?"
    assert (both["images"], both["videos"]) == (["a.jpg"], ["films/a.mp4"])
    pictures = to_messages(PICTURES, KINDS, ClipFiles())
    assert [message["content"] for message in pictures["messages"]] == [
        "Compare <image> with", "yes", "and <image>?", "no",
    ]  # fmt: skip
    assert to_messages(TEXT, [], ClipFiles())["messages"][0] == {"role": "user", "content": "Hello?"}


def test_columns_are_those_that_a_file_needs() -> None:
    assert shown_kinds([TEXT]) == []
    assert shown_kinds([TEXT, QUESTION]) == [MediaKind.VIDEO]
    assert shown_kinds([PICTURES, TEXT]) == [MediaKind.IMAGE]
    assert shown_kinds([PICTURES, FILM]) == [MediaKind.VIDEO, MediaKind.IMAGE]


@pytest.mark.parametrize("word", ["<video>", "<image>", "<audio>"])
def test_tags_as_text_are_refused(word: str) -> None:
    with pytest.raises(DataError, match=f"its text has {word}"):
        to_messages(replace(TEXT, turns=turns(f"a {word}", "b")), [], ClipFiles())


def test_an_empty_answer_is_refused() -> None:
    with pytest.raises(DataError, match="'replay/1': an answer is empty, and ms-swift drops such samples"):
        to_messages(replace(TEXT, turns=turns("a", "")), [], ClipFiles())


@reproducible
@given(st.lists(samples(), min_size=1, max_size=6))
def test_every_sample_keeps_to_the_format(shown: list[Sample]) -> None:
    kinds, clips = shown_kinds(shown), ClipFiles()
    rows = [to_messages(sample, kinds, clips) for sample in shown]
    check_swift(json.loads(json.dumps(rows)))
    assert len({tuple(row) for row in rows}) == 1


def test_all_files_keep_to_both_formats(tmp_path: Path) -> None:
    folder = write(tmp_path, FILES)
    info = json.loads((folder / "dataset_info.json").read_text())
    assert list(info) == [f"ek100_{name.removesuffix('.jsonl')}" for name in FILES]
    assert [check_llama_factory(folder, name) for name in info] == [1, 1, 1, 3, 1]
    for name in FILES:
        check_swift(json.loads((folder / name.replace(".jsonl", ".json")).read_text()))


def test_the_description_of_a_file(tmp_path: Path) -> None:
    folder = write(tmp_path, {"train_mqa.jsonl": [QUESTION]})
    assert json.loads((folder / "dataset_info.json").read_text()) == {
        "ek100_train_mqa": {
            "file_name": "train_mqa.json",
            "formatting": "sharegpt",
            "columns": {"messages": "messages", "videos": "videos"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
            },
        }
    }


def test_files_load_as_both_frameworks_load_them(tmp_path: Path, offline: None) -> None:
    from datasets import load_dataset

    folder = write(tmp_path, {"train_replay.jsonl": [TEXT, PICTURES, FILM, BOTH]})
    rows = load_dataset(
        "json", data_files=str(folder / "train_replay.json"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert rows["videos"][:] == [[], [], ["films/a.mp4"], ["films/a.mp4"]]
    assert rows["images"][:] == [[], ["coco/1.jpg", "coco/2.jpg"], [], ["a.jpg"]]
    assert rows[3]["messages"][0] == {"role": "user", "content": "<image><video>And these?"}
