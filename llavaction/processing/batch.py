"""A batch: padded rows and the frames of all their videos and pictures.

B batch, S longest sequence, T frames of all media together, R resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import torch
from torch import Tensor

from llavaction.model.config import IGNORE, NO_LABEL
from llavaction.processing.images import join_frames
from llavaction.processing.processor import Example


@dataclass(frozen=True)
class Skipped:
    """A sample that a batch goes without; never another in its place.

    Attributes:
        epoch: the pass over the samples in which it was due.
        reason: what is wrong with its video.
    """

    sample_id: str
    epoch: int
    reason: str


class Batch(TypedDict):
    """Arguments of the model's `forward`, by their names, and which samples they are made of.

    Attributes:
        sample_ids: of the samples in it, row by row; none where all were skipped.
        skipped: samples that should be in it.
        input_ids, labels, attention_mask: int64 `[B, S]`; one row of one token without a label when `sample_ids` is
            empty.
        pixel_values_videos: uint8 `[T, 3, R, R]`; T is 0 where no sample shows anything.
        num_frames_per_video: int64 `[media]`, row by row in the order of their placeholders; a row may have none.
        picture_sizes: int64 `[media, 2]`, height and width of pictures, 0 for videos and pictures seen as videos.
        action_labels: int64 `[B, 3]`.
    """

    sample_ids: list[str]
    skipped: list[Skipped]
    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor
    pixel_values_videos: Tensor
    num_frames_per_video: Tensor
    picture_sizes: Tensor
    action_labels: Tensor


_NOT_FOR_THE_MODEL = ("sample_ids", "skipped")


def model_arguments(batch: Batch) -> dict[str, Any]:
    """What of a batch the model's `forward` takes."""
    return {name: value for name, value in batch.items() if name not in _NOT_FOR_THE_MODEL}


class Collator:
    """Pads examples on the right to the longest of them, and leaves out what was skipped."""

    def __init__(self, pad_id: int, resolution: int) -> None:
        """`resolution`: pixels along a side of the frames."""
        self._pad_id = pad_id
        self._resolution = resolution

    def __call__(self, items: Sequence[Example | Skipped]) -> Batch:
        skipped = [item for item in items if isinstance(item, Skipped)]
        found = [item for item in items if isinstance(item, Example)]
        examples = found or [self._blank()]
        input_ids, attention_mask = pad_rows([example.input_ids for example in examples], self._pad_id)
        labels, _ = pad_rows([example.labels for example in examples], IGNORE)
        return Batch(
            sample_ids=[example.sample_id for example in found],
            skipped=skipped,
            input_ids=input_ids,
            attention_mask=attention_mask,
            labels=labels,
            pixel_values_videos=join_frames((example.pixel_values for example in examples), self._resolution),
            num_frames_per_video=torch.tensor(
                [count for example in examples for count in example.num_frames], dtype=torch.long
            ),
            picture_sizes=torch.tensor(
                [size for example in examples for size in example.picture_sizes], dtype=torch.long
            ).reshape(-1, 2),
            action_labels=torch.tensor([example.action_label for example in examples]),
        )

    def _blank(self) -> Example:
        """A row that teaches nothing: a process with nothing left must still run the model along with the others."""
        return Example(
            sample_id="",
            input_ids=torch.tensor([self._pad_id]),
            labels=torch.tensor([IGNORE]),
            pixel_values=join_frames([], self._resolution),
            num_frames=(),
            action_label=(NO_LABEL,) * 3,
        )


def pad_rows(rows: list[Tensor], fill: int, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Rows `[S_i]` as one tensor `[B, S]` and its mask; padding on the right, or on the left for generation."""
    length = max(len(row) for row in rows)
    padded = torch.full((len(rows), length), fill, dtype=torch.long)
    mask = torch.zeros((len(rows), length), dtype=torch.long)
    for number, row in enumerate(rows):
        place = slice(length - len(row), length) if left else slice(0, len(row))
        padded[number, place] = row
        mask[number, place] = 1
    return padded, mask
