"""Batches for the tiny model, as the collator makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from llavaction.model.config import IGNORE
from llavaction.processing.batch import pad_rows

NUM_LABELS = 6


def make_batch(model: Any, num_frames: Sequence[int] = (2, 2), num_words: int = 12) -> dict[str, Any]:
    """One row per number of frames: a clip and its text, whose last words are labelled."""
    layout, resolution = model.config.token_layout, model.config.vision_config.image_size
    rows = [torch.tensor([*layout.placeholders(frames), *range(5, 5 + num_words)]) for frames in num_frames]
    labels = [torch.where(torch.arange(len(row)) < len(row) - NUM_LABELS, IGNORE, row) for row in rows]
    input_ids, attention_mask = pad_rows(rows, 0)
    generator = torch.Generator().manual_seed(0)
    return {
        "sample_ids": [f"sample{number}" for number in range(len(rows))],
        "skipped": [],
        "input_ids": input_ids,
        "attention_mask": attention_mask,
        "labels": pad_rows(labels, IGNORE)[0],
        "pixel_values_videos": torch.randn(sum(num_frames), 3, resolution, resolution, generator=generator),
        "num_frames_per_video": torch.tensor(num_frames),
        "action_labels": torch.tensor([[1, 2, 3]] * len(rows)),
    }
