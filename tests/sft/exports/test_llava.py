"""Conversations keep to what LLaVA-NeXT's loader reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from llavaction.sft.exports.clips import ClipFiles
from llavaction.sft.exports.llava import LlavaWriter, to_llava
from llavaction.sft.exports.source import open_folder
from llavaction.sft.samples import MEDIA_MARK, Sample
from llavaction.utils.errors import DataError
from tests.properties import reproducible
from tests.sft.exports.folders import BOTH, FILM, PICTURES, QUESTION, TEXT, media, samples, turns, write_folder


def check_row(row: dict[str, Any]) -> None:
    """What the loader needs: a `video` or `image`, and one ``<image>`` for each file, in turns of the human."""
    assert set(row) <= {"id", "data_source", "conversations", "video", "image"}
    assert isinstance(row["id"], str)
    assert not {"video", "image"} <= set(row)
    turns = row["conversations"]
    assert [turn["from"] for turn in turns] == ["human", "gpt"] * (len(turns) // 2)
    assert all(set(turn) == {"from", "value"} and isinstance(turn["value"], str) for turn in turns)
    if "video" in row:
        files = [row["video"]]
    else:
        images = row.get("image", [])
        files = images if isinstance(images, list) else [images]
    assert all(isinstance(file, str) and not file.startswith("/") for file in files)
    assert sum(turn["value"].count("<image>") for turn in turns) == len(files)
    assert not any("<image>" in turn["value"] for turn in turns[1::2])


def test_a_clip() -> None:
    assert to_llava(QUESTION, "ek100_mqa", ClipFiles()) == {
        "id": "mqa/P01_11_0",
        "data_source": "ek100_mqa",
        "video": "P01/P01_11_0.mp4",
        "conversations": [
            {"from": "human", "value": "<image>\nWhich?\nA. take plate\nB. put plate"},
            {"from": "gpt", "value": "A. take plate"},
        ],
    }


def test_files_and_text() -> None:
    assert to_llava(FILM, "x", ClipFiles())["video"] == "films/a.mp4"
    assert to_llava(replace(TEXT, media=media("a.jpg")), "x", ClipFiles())["image"] == "a.jpg"
    pictures = to_llava(PICTURES, "x", ClipFiles())
    assert pictures["image"] == ["coco/1.jpg", "coco/2.jpg"]
    values = [turn["value"] for turn in pictures["conversations"]]
    assert values == ["Compare <image> with", "yes", "and <image>?", "no"]
    text = to_llava(TEXT, "x", ClipFiles())
    assert not {"video", "image"} & set(text)
    assert text["conversations"][0] == {"from": "human", "value": "Hello?"}


@pytest.mark.parametrize("sample", [BOTH, replace(TEXT, media=media("a.mp4", "b.mp4"))])
def test_a_video_is_shown_alone(sample: Sample) -> None:
    with pytest.raises(DataError, match=r"one video or images; leave the view out with export\.views"):
        to_llava(sample, "x", ClipFiles())


def test_the_tag_as_text_is_refused() -> None:
    with pytest.raises(DataError, match="its text has <image>"):
        to_llava(replace(TEXT, turns=turns("<image>", "a")), "x", ClipFiles())


@reproducible
@given(samples(mixed_media=False))
def test_every_sample_keeps_to_the_format(sample: Sample) -> None:
    row = to_llava(sample, "x", ClipFiles())
    check_row(json.loads(json.dumps(row)))
    texts = [turn.text.replace(MEDIA_MARK, "<image>") for turn in sample.turns]
    if not any(MEDIA_MARK in turn.text for turn in sample.turns):
        texts[0] = "<image>\n" * (len(sample.media) + (sample.clip is not None)) + texts[0]
    assert [turn["value"] for turn in row["conversations"]] == texts


def test_a_file_of_conversations(tmp_path: Path) -> None:
    source = open_folder(write_folder(tmp_path, {"validation_replay.jsonl": [TEXT, PICTURES, FILM]}), [])
    writer = LlavaWriter(tmp_path / "llava", "mine", ClipFiles())
    assert writer.add(source.files[0], source.files[0].read()) == "validation_replay.json"
    rows = json.loads((tmp_path / "llava" / "validation_replay.json").read_text())
    assert [row["id"] for row in rows] == ["replay/1", "replay/2", "replay/3"]
    assert {row["data_source"] for row in rows} == {"mine_replay"}
    for row in rows:
        check_row(row)
