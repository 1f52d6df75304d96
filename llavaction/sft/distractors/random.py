"""Random distractors: uniform over the other action classes (paper: the easy questions)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.distractors.base import StrategyName


class RandomDistractors:
    """All other actions in random order."""

    name = StrategyName.RANDOM

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.hashes: dict[str, str] = {}

    def candidates(self, segment: Segment, rng: np.random.Generator) -> Iterator[int]:
        # Drawn one by one, as few of the thousands are used; a permutation of all costs ten times the time.
        given = {self._vocabulary.action_id(segment.verb_id, segment.noun_id)}
        while len(given) < self._vocabulary.num_actions:
            action_id = int(rng.integers(self._vocabulary.num_actions))
            if action_id not in given:
                given.add(action_id)
                yield action_id
