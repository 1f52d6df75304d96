"""Distractors that mean nearly the same as the answer: nearest in the space of a text encoder."""

from __future__ import annotations

from collections.abc import Iterator

from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.distractors.base import StrategyName
from llavaction.text.class_texts import class_texts
from llavaction.text.encoders import TextEncoder
from llavaction.text.neighbours import TextNeighbours
from llavaction.utils.draws import Draws

MAX_NEIGHBOURS = 200
"""Neighbours kept of each action: several times what the largest question looks at, and far from all thousands."""


class TextNeighbourDistractors:
    """The other actions, those whose names are nearest to the answer's first."""

    name = StrategyName.TEXT_NEIGHBOURS

    def __init__(self, vocabulary: Vocabulary, encoder: TextEncoder) -> None:
        self._vocabulary = vocabulary
        texts = class_texts(vocabulary)
        self._neighbours = TextNeighbours(encoder, texts, limit=min(MAX_NEIGHBOURS, len(texts) - 1))
        # Ranked before worker processes are forked: each would do it again, and cannot with an encoder on a GPU.
        self._neighbours.ranked(0)

    def candidates(self, segment: Segment, draws: Draws) -> Iterator[int]:
        yield from self._neighbours.ranked(self._vocabulary.action_id(segment.verb_id, segment.noun_id))
