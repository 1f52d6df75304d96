"""Distractors that share the verb or the noun with the answer: only the other half tells them apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.distractors.base import StrategyName
from llavaction.utils.draws import Draws


class SameVerbDistractors:
    """The actions with the segment's verb, in random order."""

    name = StrategyName.SAME_VERB

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._actions = _by_part(vocabulary, 0)

    def candidates(self, segment: Segment, draws: Draws) -> Iterator[int]:
        yield from draws.shuffled(self._actions[segment.verb_id])


class SameNounDistractors:
    """The actions with the segment's noun, in random order."""

    name = StrategyName.SAME_NOUN

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._actions = _by_part(vocabulary, 1)

    def candidates(self, segment: Segment, draws: Draws) -> Iterator[int]:
        yield from draws.shuffled(self._actions[segment.noun_id])


def _by_part(vocabulary: Vocabulary, part: int) -> dict[int, list[int]]:
    """Action ids by verb id (part 0) or noun id (part 1)."""
    actions: defaultdict[int, list[int]] = defaultdict(list)
    for action_id in range(vocabulary.num_actions):
        actions[vocabulary.verb_noun(action_id)[part]].append(action_id)
    return dict(actions)
