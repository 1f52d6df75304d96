"""The texts that stand for an action class in a question."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import accumulate

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.segments import Segment
from llavaction.text.class_texts import class_texts
from llavaction.utils.draws import Draws
from llavaction.utils.enums import StrEnum


class OptionText(StrEnum):
    """Which text of a class an option shows."""

    RANDOM = "random"
    """A narration drawn as often as annotators wrote it."""
    MOST_FREQUENT = "most_frequent"
    """The narration that annotators wrote most often; ties go to the first in the alphabet."""
    FIRST_SEEN = "first_seen"
    """The narration of the class's first segment: training before validation, then by video and time."""
    CLASS_KEY = "class_key"
    """The names of the verb class and the noun class."""


class AnswerText(StrEnum):
    """Which text the right option shows."""

    NARRATION = "narration"
    """The segment's own narration."""
    LIKE_OPTIONS = "like_options"
    """A text of its class, chosen as for the other options."""


class NarrationBank:
    """The texts of each action class, the chosen one first.

    With random narrations an option's wording does not tell whether it is right: the answer is the segment's own
    narration, which follows the same distribution.
    """

    def __init__(self, annotations: Annotations, choice: OptionText) -> None:
        self._choice = choice
        if choice is OptionText.CLASS_KEY:
            self._texts = [[text] for text in class_texts(annotations.vocabulary)]
            return
        counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for table in (annotations.train, annotations.validation):
            for segment in sorted(table, key=order_in_time):
                counts[annotations.vocabulary.action_id(segment.verb_id, segment.noun_id)][segment.narration] += 1
        self._texts = [self._in_order(counts[action_id]) for action_id in range(annotations.vocabulary.num_actions)]
        self._cumulative = [
            list(accumulate(counts[action_id][text] for text in texts)) for action_id, texts in enumerate(self._texts)
        ]

    def texts(self, action_id: int, draws: Draws) -> Iterator[str]:
        """The texts of a class: first the chosen one, then those to take where it cannot be used."""
        texts = self._texts[action_id]
        if self._choice is OptionText.RANDOM:
            cumulative = self._cumulative[action_id]
            yield texts[bisect_right(cumulative, draws.below(cumulative[-1]))]
        yield from texts

    def all_texts(self) -> Iterator[str]:
        """Every text of every class."""
        for texts in self._texts:
            yield from texts

    def _in_order(self, counts: Counter[str]) -> list[str]:
        if self._choice is OptionText.FIRST_SEEN:
            return list(counts)
        if self._choice is OptionText.MOST_FREQUENT:
            return sorted(counts, key=lambda text: (-counts[text], text))
        return sorted(counts)


def order_in_time(segment: Segment) -> tuple[str, float, float, str]:
    """Sorts segments by video and time, whatever the order of their rows."""
    return (segment.video_id, segment.start_s, segment.stop_s, segment.segment_id)
