"""Messages as LLaMA-Factory and ms-swift train on them.

Formats: data/README.md, data/dataset_info.json and src/llamafactory/data/{parser,converter}.py of
https://github.com/hiyouga/LLaMA-Factory, and docs/source_en/Customization/Custom-dataset.md of
https://github.com/modelscope/ms-swift. A JSON list of::

    {"messages": [{"role": "user", "content": "<video>What ...?"}, {"role": "assistant", "content": "A. take plate"}],
     "videos": ["P01/P01_01_0.mp4"]}

Both read a file where ``<video>`` or ``<image>`` stands, and want as many of these words as files. A column is there
in every row of a file or in none: LLaMA-Factory looks up each column that `dataset_info.json` declares. Names are
relative to the folder of the media (`media_dir` of LLaMA-Factory; for ms-swift, the folder it is started in).

    llamafactory-cli train ... --dataset_dir EXPORT/messages --dataset ek100_train_mqa --media_dir CLIPS
    swift sft ... --dataset EXPORT/messages/train_mqa.json
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llavaction.sft.exports.clips import ClipFiles
from llavaction.sft.exports.conversation import shown_files, tagged_texts
from llavaction.sft.exports.files import write_json_rows
from llavaction.sft.exports.source import SampleFile
from llavaction.sft.exports.writer import FormatWriter
from llavaction.sft.samples import MediaKind, Role, Sample
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import write_json

INFO_FILE = "dataset_info.json"
COLUMNS = {MediaKind.VIDEO: "videos", MediaKind.IMAGE: "images"}
TAGS = {MediaKind.VIDEO: "<video>", MediaKind.IMAGE: "<image>"}
RESERVED = (*TAGS.values(), "<audio>")
"""Words that one of the two counts; neither can show them as text."""


def to_messages(sample: Sample, kinds: Sequence[MediaKind], clips: ClipFiles) -> dict[str, Any]:
    """One row.

    Args:
        kinds: what the file's rows have a column for.

    Raises:
        DataError: when an answer is empty, which ms-swift would drop.
    """
    if any(turn.role is Role.ASSISTANT and not turn.text for turn in sample.turns):
        raise DataError(f"sample {sample.sample_id!r}: an answer is empty, and ms-swift drops such samples")
    shown = shown_files(sample, clips)
    texts = tagged_texts(sample, [TAGS[item.kind] for item in shown], "", RESERVED)
    row: dict[str, Any] = {
        "messages": [{"role": str(turn.role), "content": text} for turn, text in zip(sample.turns, texts, strict=True)]
    }
    for kind in kinds:
        row[COLUMNS[kind]] = [item.path for item in shown if item.kind is kind]
    return row


def shown_kinds(samples: Sequence[Sample]) -> list[MediaKind]:
    """The kinds of files that at least one sample shows."""
    found = {MediaKind.VIDEO for sample in samples if sample.clip is not None}
    found.update(item.kind for sample in samples for item in sample.media)
    return [kind for kind in COLUMNS if kind in found]


def describe_file(file_name: str, kinds: Sequence[MediaKind]) -> dict[str, Any]:
    """The entry of a file in LLaMA-Factory's `dataset_info.json`."""
    return {
        "file_name": file_name,
        "formatting": "sharegpt",
        "columns": {"messages": "messages", **{COLUMNS[kind]: COLUMNS[kind] for kind in kinds}},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": str(Role.USER),
            "assistant_tag": str(Role.ASSISTANT),
        },
    }


class MessagesWriter(FormatWriter):
    """Writes `{split}_{view}.json` and `dataset_info.json`."""

    def __init__(self, folder: Path, name: str, clips: ClipFiles) -> None:
        self._folder = folder
        self._name = name
        self._clips = clips
        self._info: dict[str, Any] = {}

    def add(self, file: SampleFile, samples: Sequence[Sample]) -> str:
        """Write one file of messages."""
        target = f"{file.split}_{file.view}.json"
        kinds = shown_kinds(samples)
        write_json_rows(self._folder / target, (to_messages(sample, kinds, self._clips) for sample in samples))
        self._info[f"{self._name}_{file.split}_{file.view}"] = describe_file(target, kinds)
        return target

    def finish(self) -> None:
        """Write `dataset_info.json`."""
        write_json(self._folder / INFO_FILE, self._info)
