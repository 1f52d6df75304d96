"""Two specialist action-recognition models that err as real ones do, without a model.

Their mistakes are mostly the same film backwards (take for put) and look-alike objects (lid for plate), the first one's
more often the former, the second one's the latter. Both err on training segments as often as on validation segments, as
predictions made by cross-validation do. What is hard for one is mostly hard for the other, as with real ones, whose
first actions agree on two segments of three; what they take it for, each draws for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np

from llavaction.toy_kitchen.annotations import ordered_segments
from llavaction.toy_kitchen.scenes import KitchenConfig, Segment, VideoPlan
from llavaction.toy_kitchen.vocabulary import NOUNS, VERBS, look_alike_id, reverse_verb_id
from llavaction.utils.jsonl import write_json
from llavaction.utils.seeding import rng_for

TOP_K = 20
ACTIONS: tuple[tuple[int, int], ...] = tuple(product(range(len(VERBS)), range(len(NOUNS))))

# Of the segments whose truth is not ranked first: the share found by rank 5, by rank 20, and never.
MISS_BY_RANK_5, MISS_BY_RANK_20 = 0.78, 0.96
EARLY_RANK_SHARES = (0.50, 0.25, 0.15, 0.10)  # of ranks 2, 3, 4, 5


@dataclass(frozen=True)
class Specialist:
    """What sets a specialist apart.

    Attributes:
        file: how its files are called, with the split behind it.
        key: of its draws.
        reversed, alike, both: log odds of taking an action for the same film backwards, for a look-alike object, and
            for both at once.
        shared_ranks: share of the segments in which the truth stands where the first specialist has it.
    """

    file: str
    key: str
    reversed: float
    alike: float
    both: float
    shared_ranks: float = 0.0


FIRST = Specialist("toy_specialist", "specialist", reversed=5.5, alike=5.2, both=4.2)
SECOND = Specialist("second_specialist", "second_specialist", reversed=4.7, alike=5.9, both=4.2, shared_ranks=0.85)
SPECIALISTS = (FIRST, SECOND)


def write_specialist(
    path: Path,
    config: KitchenConfig,
    videos: Iterable[VideoPlan],
    known: Collection[tuple[int, int]],
    specialist: Specialist = FIRST,
) -> None:
    """Write one split's predictions in the public format, keyed by the row index in the split's CSV.

    As real specialists do, each tells apart the actions that are `known` to occur in either split.

    ``{"<row>": {"predictions": ["<verb id>:<noun id>", ...], "target": "<verb id>:<noun id>"}, ...}``
    """
    write_json(
        path,
        {
            str(row): {
                "predictions": [f"{verb}:{noun}" for verb, noun in rank_actions(config, segment, known, specialist)],
                "target": f"{segment.verb_id}:{segment.noun_id}",
            }
            for row, (_, segment) in enumerate(ordered_segments(videos))
        },
    )


def rank_actions(
    config: KitchenConfig,
    segment: Segment,
    known: Collection[tuple[int, int]] = ACTIONS,
    specialist: Specialist = FIRST,
) -> list[tuple[int, int]]:
    """The 20 best (verb id, noun id) for a segment, best first, all different; fewer if less are known."""
    rng = rng_for(config.seed, specialist.key, segment.narration_id)
    truth = (segment.verb_id, segment.noun_id)
    # Sorting by kinship plus Gumbel noise draws wrong actions one by one, likely ones first.
    scores = _kinship(truth, specialist) + rng.gumbel(size=len(ACTIONS))
    wrong = [ACTIONS[idx] for idx in np.argsort(-scores) if ACTIONS[idx] != truth and ACTIONS[idx] in known]
    top_k = min(TOP_K, len(wrong))
    if specialist.shared_ranks and rng.random() < specialist.shared_ranks:
        rng = rng_for(config.seed, FIRST.key, segment.narration_id)
        rng.gumbel(size=len(ACTIONS))
    rank = _draw_rank(config.specialist_top1, rng)
    if rank is None or rank > top_k:
        return wrong[:top_k]
    return [*wrong[: rank - 1], truth, *wrong[rank - 1 : top_k - 1]]


@lru_cache(maxsize=len(SPECIALISTS) * len(ACTIONS))
def _kinship(truth: tuple[int, int], specialist: Specialist) -> np.ndarray:
    """How readily the specialist takes `truth` for each action: log odds, [80]."""
    verb_id, noun_id = truth
    reverse_id, alike_id = reverse_verb_id(verb_id), look_alike_id(noun_id)
    odds = np.zeros(len(ACTIONS))
    for idx, (other_verb_id, other_noun_id) in enumerate(ACTIONS):
        if other_verb_id == verb_id:
            odds[idx] = 1.5
        if other_noun_id == noun_id:
            odds[idx] = 2.0
    odds[ACTIONS.index((reverse_id, alike_id))] = specialist.both
    odds[ACTIONS.index((verb_id, alike_id))] = specialist.alike
    odds[ACTIONS.index((reverse_id, noun_id))] = specialist.reversed
    return odds


def _draw_rank(top1: float, rng: np.random.Generator) -> int | None:
    """Rank of the truth, from 1; None when it is not among the 20."""
    if rng.random() < top1:
        return 1
    miss = rng.random()
    if miss < MISS_BY_RANK_5:
        return 2 + int(rng.choice(len(EARLY_RANK_SHARES), p=EARLY_RANK_SHARES))
    if miss < MISS_BY_RANK_20:
        return int(rng.integers(6, TOP_K + 1))
    return None
