"""Random distractors: uniform over the action classes (paper: the easy questions)."""

from __future__ import annotations

from collections.abc import Iterator

from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.distractors.base import StrategyName
from llavaction.utils.draws import Draws


class RandomDistractors:
    """All actions in random order."""

    name = StrategyName.RANDOM

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._num_actions = vocabulary.num_actions

    def candidates(self, segment: Segment, draws: Draws) -> Iterator[int]:
        # Drawn one by one, as few of the thousands are used; a permutation of all costs ten times the time.
        given: set[int] = set()
        while len(given) < self._num_actions:
            action_id = draws.below(self._num_actions)
            if action_id not in given:
                given.add(action_id)
                yield action_id
