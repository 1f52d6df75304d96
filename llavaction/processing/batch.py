"""A batch: padded rows and the frames of all their videos and pictures.

B batch, S longest sequence, T frames of all media together, R resolution.
"""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor

from llavaction.model.config import IGNORE
from llavaction.processing.processor import Example


class Batch(TypedDict):
    """Arguments of the model's `forward`, by their names, and the samples' ids.

    Attributes:
        input_ids, labels, attention_mask: int64 `[B, S]`.
        pixel_values_videos: float32 `[T, 3, R, R]`; T is 0 where no sample shows anything.
        num_frames_per_video: int64 `[media]`, row by row in the order of their placeholders; a row may have none.
        action_labels: int64 `[B, 3]`.
    """

    sample_ids: list[str]
    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor
    pixel_values_videos: Tensor
    num_frames_per_video: Tensor
    action_labels: Tensor


class Collator:
    """Pads examples on the right to the longest of them."""

    def __init__(self, pad_id: int) -> None:
        self._pad_id = pad_id

    def __call__(self, examples: list[Example]) -> Batch:
        input_ids, attention_mask = pad_rows([example.input_ids for example in examples], self._pad_id)
        labels, _ = pad_rows([example.labels for example in examples], IGNORE)
        return Batch(
            sample_ids=[example.sample_id for example in examples],
            input_ids=input_ids,
            attention_mask=attention_mask,
            labels=labels,
            pixel_values_videos=torch.cat([example.pixel_values for example in examples]),
            num_frames_per_video=torch.tensor(
                [count for example in examples for count in example.num_frames], dtype=torch.long
            ),
            action_labels=torch.tensor([example.action_label for example in examples]),
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
