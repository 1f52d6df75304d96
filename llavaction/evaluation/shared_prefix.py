"""Texts behind clips: what the texts of a clip begin with is run once and kept, then all of them as a tree.

B clips, P positions of the beginnings, N nodes of a tree, S = P + N, n visual tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from llavaction.evaluation.prefix_tree import PrefixTree
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.processing.batch import pad_rows
from llavaction.utils.errors import ConfigError

_POSITIONS_AT_ONCE = 256
"""Positions whose log-probabilities over a whole vocabulary exist at a time."""
_CAN_MASK = ("sdpa", "eager")
"""Kernels that take any mask."""
_SLIDING = "sliding_attention"


@dataclass(frozen=True)
class Prompt:
    """A question about a clip.

    Attributes:
        ids: with placeholders, up to the opened answer.
        features: of the clip, `[n, D]`; None where nothing is shown. Prompts that hold the same tensor are about the
            same clip, and what they begin with is run once.
    """

    ids: list[int]
    features: Tensor | None


@dataclass(frozen=True)
class Prefix:
    """The beginnings of a batch of clips, as the decoder remembers them.

    Attributes:
        mask: int64 `[B, P]`, 0 over padding, which is on the left.
    """

    cache: DynamicCache
    mask: Tensor

    @property
    def lengths(self) -> Tensor:
        """Tokens of each beginning, `[B]`."""
        return self.mask.sum(1)


def run_prefix(
    model: LlavactionForConditionalGeneration, pad_id: int, ids: Sequence[list[int]], features: Tensor | None
) -> Prefix:
    """Run the beginnings.

    Args:
        ids: of each clip.
        features: `[n, D]`, those of all clips one after the other; None where nothing is shown.
    """
    rows, mask = pad_rows([torch.tensor(row) for row in ids], pad_id, left=True)
    # Without a configuration every layer keeps all positions, also one that looks back only so far.
    cache = DynamicCache()
    mask = mask.to(model.device)
    model(
        rows.to(model.device),
        mask,
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
        visual_features=features,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return Prefix(cache, mask)


def score_trees(
    model: LlavactionForConditionalGeneration, pad_id: int, prefix: Prefix, trees: Sequence[PrefixTree]
) -> list[np.ndarray]:
    """Log-likelihoods of the targets of one tree for each clip: float64 `[T]` each. The prefix stays as it was."""
    num_nodes = max(tree.num_nodes for tree in trees)
    device = model.device
    ids = torch.full((len(trees), num_nodes), pad_id)
    depths, sees = torch.zeros_like(ids), torch.eye(num_nodes, dtype=torch.bool).repeat(len(trees), 1, 1)
    is_asked = torch.zeros_like(ids, dtype=torch.bool)
    for row, tree in enumerate(trees):
        ids[row, : tree.num_nodes] = torch.from_numpy(tree.tokens)
        depths[row, : tree.num_nodes] = torch.from_numpy(tree.depths)
        sees[row, : tree.num_nodes, : tree.num_nodes] = torch.from_numpy(tree.sees)
        is_asked[row, tree.target_nodes] = True
    positions_BN = prefix.lengths[:, None] + depths.to(device)
    logits = model(
        ids.to(device),
        _mask(model, prefix, sees.to(device), positions_BN),
        position_ids=positions_BN,
        past_key_values=prefix.cache,
        use_cache=True,
        logits_to_keep=is_asked.to(device),
    ).logits
    prefix.cache.crop(-num_nodes)
    return _pick(logits, is_asked, trees)


def check_kernel(model: LlavactionForConditionalGeneration) -> None:
    """Raises: ConfigError, when the decoder's attention kernel cannot mask a tree."""
    kernel = model.decoder.config._attn_implementation
    if kernel not in _CAN_MASK:
        raise ConfigError(
            f"model.attention = {kernel} cannot score several texts behind one clip; use sdpa, or tasks that generate"
        )


def _mask(
    model: LlavactionForConditionalGeneration, prefix: Prefix, sees_BNN: Tensor, positions_BN: Tensor
) -> Tensor | dict[str, Tensor]:
    """Who sees whom, `[B, 1, N, S]`, as the decoder takes it; by kind of layer where it has several."""
    before_BP = prefix.mask.bool()
    sees_BNS = torch.cat([before_BP[:, None].expand(-1, sees_BNN.shape[1], -1), sees_BNN], dim=-1)
    full = _as_kernel_takes_it(model, sees_BNS)
    if not has_windows(model):
        return full
    config = model.decoder.config
    keys_BS = torch.cat([prefix.mask.cumsum(1) - 1, positions_BN], dim=1)
    near_BNS = positions_BN[:, :, None] - keys_BS[:, None] < config.sliding_window
    sliding = _as_kernel_takes_it(model, sees_BNS & near_BNS)
    # Decoders whose layers are all alike take one mask, the others one for each kind.
    return {"full_attention": full, _SLIDING: sliding} if getattr(config, "layer_types", None) else sliding


def has_windows(model: LlavactionForConditionalGeneration) -> bool:
    """Whether some layers of the decoder look back only so many positions."""
    config = model.decoder.config
    kinds = getattr(config, "layer_types", None)
    return getattr(config, "sliding_window", None) is not None and (not kinds or _SLIDING in kinds)


def _as_kernel_takes_it(model: LlavactionForConditionalGeneration, sees_BNS: Tensor) -> Tensor:
    """The mask `[B, 1, N, S]`: true and false for sdpa, numbers to add to scores for eager attention."""
    if model.decoder.config._attn_implementation == "sdpa":
        return sees_BNS[:, None]
    lowest = torch.finfo(model.dtype).min
    return torch.zeros_like(sees_BNS, dtype=model.dtype).masked_fill(~sees_BNS, lowest)[:, None]


def _pick(logits_MV: Tensor, is_asked: Tensor, trees: Sequence[PrefixTree]) -> list[np.ndarray]:
    """Of the logits at the asked nodes of all trees, row by row, the log-likelihoods of what is scored there."""
    place_BN = is_asked.flatten().cumsum(0).view(is_asked.shape) - 1
    places = [place_BN[row, tree.target_nodes] for row, tree in enumerate(trees)]
    places_T = torch.cat(places)
    tokens_T = torch.cat([torch.from_numpy(tree.target_tokens) for tree in trees])
    # Targets in the order of their places, so that each block of logits is looked at once.
    order = places_T.argsort(stable=True)
    picked = torch.empty(len(order), dtype=torch.float64)
    bounds = torch.searchsorted(
        places_T[order], torch.arange(0, len(logits_MV) + _POSITIONS_AT_ONCE, _POSITIONS_AT_ONCE)
    )
    for block, (low, high) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist())):
        rows = order[low:high]
        start = block * _POSITIONS_AT_ONCE
        log_probs = logits_MV[start : start + _POSITIONS_AT_ONCE].float().log_softmax(-1)
        where = (places_T[rows] - start).to(log_probs.device), tokens_T[rows].to(log_probs.device)
        picked[rows] = log_probs[where].double().cpu()
    return [part.numpy() for part in picked.split([len(tree.target_nodes) for tree in trees])]


def join_features(features: Sequence[Tensor | None]) -> Any:
    """Features of several clips one after the other; None when there are none."""
    shown = [part for part in features if part is not None]
    return torch.cat(shown) if shown else None
