"""Attention weights of chosen positions, taken while the decoder runs: those of all positions would not fit.

28 heads in 28 layers over 3,500 positions are 38 GB in float32; the rows of ten positions are 0.1 GB.

H heads, G groups of heads that share their keys, Q chosen positions, S sequence, E width of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from llavaction.utils.errors import ConfigError

KERNEL = "sdpa_with_rows"
"""The kernel's name in transformers' tables."""

_OTHER_SCORES = ("softcap", "s_aux", "position_bias")
"""Names under which transformers' decoders hand over what changes the scores before the softmax."""
_OTHERS = "choose a checkpoint with another decoder, such as Qwen2, Qwen3, Llama, Mistral or Gemma 3"


@dataclass(frozen=True)
class _Record:
    """What is to be taken in the run that goes on, and what was."""

    positions: Sequence[int]
    take: Callable[[Tensor], Any]
    taken: list[Any] = field(default_factory=list)


_running: ContextVar[_Record] = ContextVar("record of attention rows")


@contextmanager
def recorded_rows(
    decoder: PreTrainedModel, positions: Sequence[int], take: Callable[[Tensor], Any]
) -> Iterator[list[Any]]:
    """What `take` takes of the attention weights of `positions`, a value per layer, from one run of the decoder within.

    The run is of one whole sequence, without padding and cache. Whatever kernel the decoder had, within it is sdpa, and
    the rows are computed beside it in float32, from the very queries, keys, scale and mask that it gets: heads that
    share keys and layers with a sliding window are as in the model.

    Args:
        take: gets the weights `[H, Q, S]` of a layer; each row sums to 1.

    Raises:
        ConfigError: when the decoder's attention is more than a softmax of scaled products, or some of its layers have
            no such attention at all, which is known after the run.
    """
    if not decoder._supports_sdpa:
        raise ConfigError(
            f"{type(decoder).__name__}: it has attention of its own kind, which is not recorded; {_OTHERS}"
        )
    # Within a function, as importing this file should not change transformers; doing it again changes nothing.
    AttentionInterface.register(KERNEL, _attend)
    AttentionMaskInterface.register(KERNEL, AttentionMaskInterface()["sdpa"])
    record, kernel = _Record(positions, take), decoder.config._attn_implementation
    token = _running.set(record)
    decoder.set_attn_implementation(KERNEL)
    try:
        yield record.taken
    finally:
        decoder.set_attn_implementation(kernel)
        _running.reset(token)
    num_layers = int(decoder.config.num_hidden_layers)
    if len(record.taken) != num_layers:
        raise ConfigError(
            f"{type(decoder).__name__}: {len(record.taken)} of its {num_layers} layers have attention that is "
            f"recorded; {_OTHERS}"
        )


def attention_rows(
    query_HSE: Tensor, key_GSE: Tensor, positions: Sequence[int], scale: float, visible_QS: Tensor
) -> Tensor:
    """Softmax of the scaled products of some queries with all keys, `[H, Q, S]`, float32.

    Args:
        query_HSE: heads in the order of their groups, as transformers has them.
        visible_QS: which keys each chosen position attends to, bool; or `[H, Q, S]`.
    """
    num_heads, num_groups = len(query_HSE), len(key_GSE)
    queries_HQE = query_HSE[:, list(positions)].float() * scale
    # Heads of a group stand below each other, so that its keys are not copied for each.
    stacked = queries_HQE.reshape(num_groups, -1, queries_HQE.shape[-1])
    scores = (stacked @ key_GSE.float().transpose(1, 2)).reshape(num_heads, len(positions), -1)
    return scores.masked_fill(~visible_QS, float("-inf")).softmax(-1)


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers' sdpa computes it, with the rows that the running record wants taken beside it."""
    others = [name for name in _OTHER_SCORES if kwargs.get(name) is not None]
    if others:
        raise ConfigError(
            f"{type(module).__name__}: its attention scores are changed by {others}, which is not recorded; {_OTHERS}"
        )
    if len(query) != 1 or query.shape[2] != key.shape[2]:
        raise ValueError(f"rows are recorded of one whole sequence; got queries {list(query.shape)}, keys {key.shape}")
    record = _running.get()
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    visible = _visible(attention_mask, record.positions, query)
    record.taken.append(record.take(attention_rows(query[0], key[0], record.positions, scale, visible)))
    output: tuple[Tensor, None] = AttentionInterface()["sdpa"](
        module, query, key, value, attention_mask, scaling=scaling, **kwargs
    )
    return output


def _visible(attention_mask: Tensor | None, positions: Sequence[int], query: Tensor) -> Tensor:
    """Which keys the chosen positions attend to: `[Q, S]`, or `[H, Q, S]` where heads differ."""
    if attention_mask is not None:
        return attention_mask[0, :, list(positions)]
    # transformers leaves the mask out where it is the plain causal one.
    places = torch.arange(query.shape[2], device=query.device)
    return places <= places[list(positions)][:, None]
