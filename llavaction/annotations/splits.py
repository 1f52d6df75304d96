"""Official subsets of EK100's validation split: tail classes and unseen participants."""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.annotations.segments import Segment


@dataclass(frozen=True)
class Splits:
    """Ids of the tail verbs, tail nouns and unseen participants, from the files that EK100 publishes."""

    tail_verb_ids: frozenset[int]
    tail_noun_ids: frozenset[int]
    unseen_participant_ids: frozenset[str]

    def is_unseen(self, segment: Segment) -> bool:
        """Whether the participant occurs in no training video."""
        return segment.participant_id in self.unseen_participant_ids

    def is_tail_verb(self, segment: Segment) -> bool:
        return segment.verb_id in self.tail_verb_ids

    def is_tail_noun(self, segment: Segment) -> bool:
        return segment.noun_id in self.tail_noun_ids

    def is_tail_action(self, segment: Segment) -> bool:
        """EK100's definition: a tail verb or a tail noun makes a tail action."""
        return self.is_tail_verb(segment) or self.is_tail_noun(segment)
