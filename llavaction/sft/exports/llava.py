"""Conversations as LLaVA-NeXT and LLaVA-Video train on them.

Format: the loader in https://github.com/LLaVA-VL/LLaVA-NeXT (llava/train/train.py) and the annotation files of
https://huggingface.co/datasets/lmms-lab/LLaVA-Video-178K. A JSON list of::

    {"id": "mqa/random/P01_01_0", "data_source": "ek100_mqa", "video": "P01/P01_01_0.mp4",
     "conversations": [{"from": "human", "value": "<image>\\nWhat ...?"}, {"from": "gpt", "value": "A. take plate"}]}

`video` lies below `--video_folder`, `image` (a name, or a list of several) below `--image_folder`. Both are shown
where ``<image>`` stands; a conversation shows one video, or pictures, or nothing. Where only one ``<image>`` stands in
a turn of a picture, the loader moves it to the turn's start.
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

TAG = "<image>"
SPEAKERS = {Role.USER: "human", Role.ASSISTANT: "gpt"}


def to_llava(sample: Sample, data_source: str, clips: ClipFiles) -> dict[str, Any]:
    """One conversation.

    Raises:
        DataError: when the sample shows a video and something else, which the format cannot say.
    """
    shown = shown_files(sample, clips)
    videos = [item.path for item in shown if item.kind is MediaKind.VIDEO]
    images = [item.path for item in shown if item.kind is MediaKind.IMAGE]
    if videos and len(shown) > 1:
        raise DataError(
            f"sample {sample.sample_id!r}: it shows {len(videos)} videos and {len(images)} images, and a conversation "
            "of LLaVA has one video or images; leave the view out with export.views, or the format with export.formats"
        )
    texts = tagged_texts(sample, [TAG] * len(shown), "\n", [TAG])
    row: dict[str, Any] = {
        "id": sample.sample_id,
        "data_source": data_source,
        "conversations": [
            {"from": SPEAKERS[turn.role], "value": text} for turn, text in zip(sample.turns, texts, strict=True)
        ],
    }
    if videos:
        row["video"] = videos[0]
    if images:
        row["image"] = images[0] if len(images) == 1 else images
    return row


class LlavaWriter(FormatWriter):
    """Writes `{split}_{view}.json`."""

    def __init__(self, folder: Path, name: str, clips: ClipFiles) -> None:
        self._folder = folder
        self._name = name
        self._clips = clips

    def add(self, file: SampleFile, samples: Sequence[Sample]) -> str:
        """Write one file of conversations."""
        target = f"{file.split}_{file.view}.json"
        data_source = f"{self._name}_{file.view}"
        write_json_rows(self._folder / target, (to_llava(sample, data_source, self._clips) for sample in samples))
        return target

    def finish(self) -> None:
        """Nothing describes these files."""
