"""Prompts of clips, several of which may share one: grouped, run behind their common beginnings, and put back in order.

B clips, R prompts, P positions of the beginnings, n visual tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from llavaction.evaluation.prefix_tree import PrefixTree, Tails, common_length, grow_trees
from llavaction.evaluation.shared_prefix import (
    Prefix,
    Prompt,
    check_kernel,
    has_windows,
    join_features,
    run_prefix,
    score_trees,
)
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.model.partitioned import is_partitioned
from llavaction.processing.batch import pad_rows


@dataclass(frozen=True)
class _Clip:
    """The prompts of one clip, by their index, and how many tokens all of them begin with."""

    members: list[int]
    length: int


def _clips(prompts: Sequence[Prompt]) -> list[_Clip]:
    """Neighbours that hold the same features, grouped; the last token of a prompt is never part of the beginning."""
    groups: list[list[int]] = []
    for number, prompt in enumerate(prompts):
        before = prompts[number - 1] if number else None
        if before is None or before.features is not prompt.features:
            groups.append([])
        groups[-1].append(number)
    return [_Clip(group, common_length([prompts[number].ids[:-1] for number in group])) for group in groups]


@torch.no_grad()
def score_behind_prefixes(
    model: LlavactionForConditionalGeneration,
    pad_id: int,
    prompts: Sequence[Prompt],
    continuations: Sequence[Sequence[list[int]]],
    tree_size: int | None,
) -> list[list[float]]:
    """Log-likelihood of each continuation of each prompt; see `Answerer.score`."""
    check_kernel(model)
    clips = _clips(prompts)
    prefix = _run(model, pad_id, prompts, clips)
    forests = [_forest(clip, prompts, continuations, tree_size) for clip in clips]
    scores = [np.zeros(sum(len(continuations[number]) for number in clip.members)) for clip in clips]
    for level in range(max(map(len, forests))):
        # A clip whose trees are through runs its last one again.
        trees = [forest[min(level, len(forest) - 1)] for forest in forests]
        picked = score_trees(model, pad_id, prefix, trees)
        for of_clip, tree, of_tree in zip(scores, trees, picked, strict=True):
            of_clip[tree.members] = tree.member_scores(of_tree)
    flat = iter(np.concatenate(scores).tolist())
    return [list(islice(flat, len(tails))) for tails in continuations]


def _forest(
    clip: _Clip, prompts: Sequence[Prompt], continuations: Sequence[Sequence[list[int]]], limit: int | None
) -> list[PrefixTree]:
    """The trees of all continuations of a clip's prompts, one prompt after the other."""
    rests = {number: prompts[number].ids[clip.length :] for number in clip.members}
    first = continuations[clip.members[0]]
    if len(clip.members) == 1 and isinstance(first, Tails):
        return first.forest(rests[clip.members[0]], limit)
    pairs = [(rests[number], tail) for number in clip.members for tail in continuations[number]]
    return grow_trees([rest + tail for rest, tail in pairs], [len(rest) for rest, _ in pairs], limit)


@torch.no_grad()
def generate_behind_prefixes(
    model: LlavactionForConditionalGeneration,
    pad_id: int,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    streamer: Any = None,
) -> list[list[int]]:
    """The ids of the greedy answer to each prompt; see `Answerer.generate`."""
    clips = _clips(prompts)
    # Padding between a beginning and its rest would count for layers that look back a number of places.
    shared = len(clips) < len(prompts) and not has_windows(model)
    prefix = _expand(_run(model, pad_id, prompts, clips), clips) if shared else None
    starts = [clip.length if prefix is not None else 0 for clip in clips for _ in clip.members]
    rests = [torch.tensor(prompt.ids[start:]) for prompt, start in zip(prompts, starts, strict=True)]
    # Padding goes between the beginnings and the rests: both end where the next token follows.
    ids, mask = (part.to(model.device) for part in pad_rows(rests, pad_id, left=True))
    if prefix is not None:
        ids = torch.cat([torch.full_like(prefix.mask, pad_id), ids], dim=1)
        mask = torch.cat([prefix.mask, mask], dim=1)
    writer: Any = model  # transformers' types for `generate` expect other models
    generated = writer.generate(
        ids,
        attention_mask=mask,
        visual_features=None if prefix is not None else join_features([prompt.features for prompt in prompts]),
        past_key_values=None if prefix is None else prefix.cache,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        use_cache=True,  # training with gradient checkpointing leaves it off in the model's configuration
        synced_gpus=is_partitioned(model),
        streamer=streamer,
    )
    rows: list[list[int]] = generated[:, ids.shape[1] :].tolist()
    return rows


def _run(
    model: LlavactionForConditionalGeneration, pad_id: int, prompts: Sequence[Prompt], clips: Sequence[_Clip]
) -> Prefix:
    firsts = [prompts[clip.members[0]] for clip in clips]
    ids = [first.ids[: clip.length] for first, clip in zip(firsts, clips, strict=True)]
    return run_prefix(model, pad_id, ids, join_features([first.features for first in firsts]))


def _expand(prefix: Prefix, clips: Sequence[_Clip]) -> Prefix:
    """A beginning for each prompt instead of each clip."""
    rows = torch.tensor(np.repeat(np.arange(len(clips)), [len(clip.members) for clip in clips]))
    rows = rows.to(prefix.mask.device)
    prefix.cache.batch_select_indices(rows)
    return Prefix(prefix.cache, prefix.mask[rows])
