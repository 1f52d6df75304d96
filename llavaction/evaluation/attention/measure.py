"""One run of the model over a question and its answer, and all that is measured of it.

L layers, H heads, Q positions, S sequence, G groups, n visual tokens, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from llavaction.evaluation.attention.likeness import measure_likeness
from llavaction.evaluation.attention.places import GROUPS, Places, Query, TokenGroup
from llavaction.evaluation.attention.records import Attention, Measured
from llavaction.model.action_token import recorded_outputs
from llavaction.model.attention_record import recorded_rows
from llavaction.model.modeling import LlavactionForConditionalGeneration


@torch.no_grad()
def measure(
    model: LlavactionForConditionalGeneration,
    ids: Sequence[int],
    features_nD: Tensor,
    places: Places,
    *,
    keep_map: bool,
) -> Measured:
    """Measure where the queries of `places` look, how alike visual and text tokens are, and how likely the answer is.

    Args:
        ids: prompt and answer, with placeholders.
        features_nD: of the clip, see `encode_videos`.
        keep_map: whether what goes to each single patch is wanted.

    Raises:
        ConfigError: when the decoder has attention of its own kind.
        DataError: when there are too few tokens to compare.
    """
    positions = [place for query in places.queries.values() for place in query]
    visual, text = list(places.pooled), places.of(TokenGroup.QUESTION, TokenGroup.ANSWER)
    input_ids = torch.tensor([ids], device=model.device)
    goes_to = _Destinations(places, model.device)

    def likeness_of(states_BSD: Tensor) -> Tensor:
        return measure_likeness(states_BSD[0], visual, text).cpu()

    embeds_BSD = model.embed(input_ids, features_nD)
    layers = model.decoder.layers
    with (
        recorded_rows(model.decoder, positions, goes_to.take) as taken,
        recorded_outputs(layers[:-1], likeness_of) as between,
    ):
        hidden_BSD = model.decoder(inputs_embeds=embeds_BSD, use_cache=False).last_hidden_state
    likeness = torch.stack([likeness_of(embeds_BSD), *between, likeness_of(hidden_BSD)])
    answering = list(places.queries[Query.ANSWER])
    logits_QV = model.lm_head(hidden_BSD[0, answering]).float()
    targets_Q = input_ids[0, [place + 1 for place in answering]]
    return Measured(
        attention=goes_to.attention(taken, keep_map),
        likeness=likeness.numpy(),
        log_likelihood=-float(functional.cross_entropy(logits_QV, targets_Q)),
    )


class _Destinations:
    """Sums attention rows up by what they go to, layer by layer, so that none of them has to be kept."""

    def __init__(self, places: Places, device: torch.device) -> None:
        self._places = places
        groups_S = torch.as_tensor(places.groups_S, device=device)
        self._is_group_SG = functional.one_hot(groups_S, len(GROUPS)).float()
        self._pooled = torch.tensor(places.pooled, device=device)
        self._sizes = [len(query) for query in places.queries.values()]

    def take(self, rows_HQS: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For each query, mean over its positions: shares `[H, G]`; weights of the pooled patches, mean over heads."""
        means = [rows_HqS.mean(1) for rows_HqS in rows_HQS.split(self._sizes, dim=1)]
        return [((mean_HS @ self._is_group_SG).cpu(), mean_HS.mean(0)[self._pooled].cpu()) for mean_HS in means]

    def attention(self, layers: Sequence[list[tuple[Tensor, Tensor]]], keep_map: bool) -> dict[Query, Attention]:
        """What was taken of all layers, by query."""
        found = {}
        for query, taken in zip(self._places.queries, zip(*layers, strict=True), strict=True):
            shares_LHG, patches = (torch.stack(parts).numpy() for parts in zip(*taken, strict=True))
            side = round((len(self._places.pooled) / self._places.num_frames) ** 0.5)
            map_LThh: np.ndarray = patches.reshape(len(layers), self._places.num_frames, side, side)
            even_G, frames_LT = self._places.even_shares(query), map_LThh.sum((2, 3))
            found[query] = Attention(shares_LHG, even_G, frames_LT, map_LThh if keep_map else None)
        return found
