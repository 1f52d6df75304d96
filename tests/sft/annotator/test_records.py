from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llavaction.sft.annotator.records import ClipAnnotation, PromptVersion, QaPair, read_clip_annotations
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import write_jsonl

REPO_ROOT = Path(__file__).resolve().parents[3]
PAIRS = tuple(QaPair(f"What is {number}?", "It is.") for number in range(3))
ANNOTATION = ClipAnnotation("P01_01_0", "I take a crêpe.", PAIRS, "gpt-4o", PromptVersion("first_person", 2))


def row(**changed: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(ANNOTATION.to_row())), **changed}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [ANNOTATION.to_row()])

    assert read_clip_annotations(tmp_path / "a.jsonl") == [ANNOTATION]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"caption": ""}, "caption = '' must be a str"),
        ({"caption": None}, "caption = None"),
        ({"pairs": []}, "pairs = \\[\\]"),
        ({"pairs": [{"question": "Why?"}]}, "pair: expected the fields"),
        ({"pairs": [{"question": "Why?", "answer": 4}]}, "answer = 4"),
        ({"pairs": ["Why?"]}, "found str"),
        ({"prompt": {"name": "x", "version": True}}, "version = True must be a int"),
        ({"prompt": {"name": "x", "version": "1"}}, "version = '1'"),
        ({"more": 1}, "found .*'more'"),
    ],
)
def test_other_rows_are_refused(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(segment_id="P01_01_9"), row(**changed)])

    with pytest.raises(DataError, match=rf"a.jsonl:2: annotation of segment 'P01_01_0'.*{words}"):
        read_clip_annotations(tmp_path / "a.jsonl")


def test_a_segment_stands_there_once(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row(), row()])

    with pytest.raises(DataError, match=r"a\.jsonl:2: 'P01_01_0' stands in the file twice"):
        read_clip_annotations(tmp_path / "a.jsonl")


def test_whoever_reads_annotations_does_not_load_what_asks_for_them() -> None:
    code = "import sys, llavaction.sft.build; print(*(name for name in sys.modules if 'annotator' in name))"
    found = subprocess.run([sys.executable, "-c", code], cwd=REPO_ROOT, capture_output=True, text=True, check=True)

    assert set(found.stdout.split()) == {"llavaction.sft.annotator", "llavaction.sft.annotator.records"}
