"""Places for the action tokens in the text of another model's processor.

B batch, S sequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from llavaction.model.config import IGNORE
from llavaction.utils.errors import DataError


@dataclass(frozen=True)
class HostTokens:
    """Ids of the host's text that matter here.

    Attributes:
        video_id: placeholder of every visual token of a video.
        video_end_id: token that the host writes after them, None when it writes none.
        pad_id: token that fills up rows; it is masked.
        action_id: placeholder of our action tokens; a row of the vocabulary that no text uses.
        num_action_tokens: how many there are in a sample.
    """

    video_id: int
    video_end_id: int | None
    pad_id: int
    action_id: int
    num_action_tokens: int


def insert_action_tokens(inputs: Mapping[str, Any], tokens: HostTokens) -> dict[str, Any]:
    """The processor's `inputs` with action tokens after the video of each row.

    They stand behind the last visual token (and the token that ends the video), as text: attended, unsupervised, no
    visual type. Rows without a video get masked padding on the left instead, which suits training and generation.

    Args:
        inputs: `input_ids` `[B, S]`, and if there are any `attention_mask`, `mm_token_type_ids` and `labels` of the
            same shape; padding may lie on either side. Everything else is passed on as it is.

    Raises:
        DataError: when the text holds action tokens already, or positions were counted without them.
    """
    ids_BS = inputs["input_ids"]
    if (ids_BS == tokens.action_id).any():
        raise DataError(f"input_ids hold the action token's id {tokens.action_id} already; insert action tokens once")
    if inputs.get("position_ids") is not None:
        raise DataError("position_ids were counted without the action tokens; leave them out, the model counts them")
    cuts = [_after_video(row, tokens) for row in ids_BS.tolist()]
    if all(cut is None for cut in cuts):
        return dict(inputs)
    # What stands at an action token, and what at the padding of a row without.
    fills = {
        "input_ids": (tokens.action_id, tokens.pad_id),
        "attention_mask": (1, 0),
        "mm_token_type_ids": (0, 0),
        "labels": (IGNORE, IGNORE),
    }
    inputs = {"attention_mask": torch.ones_like(ids_BS), **inputs}
    return {
        name: _widen(value, cuts, tokens.num_action_tokens, *fills[name])
        if name in fills and value is not None
        else value
        for name, value in inputs.items()
    }


def _after_video(row: list[int], tokens: HostTokens) -> int | None:
    """Index behind a row's last video, None without one."""
    if tokens.video_id not in row:
        return None
    cut = len(row) - row[::-1].index(tokens.video_id)
    return cut + (cut < len(row) and row[cut] == tokens.video_end_id)


def _widen(values_BS: Tensor, cuts: list[int | None], num_new: int, at_action: int, at_padding: int) -> Tensor:
    rows = []
    for row_S, cut in zip(values_BS, cuts, strict=True):
        new = row_S.new_full((num_new,), at_padding if cut is None else at_action)
        rows.append(torch.cat([row_S[: cut or 0], new, row_S[cut or 0 :]]))
    return torch.stack(rows)
