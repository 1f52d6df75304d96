"""The texts that stand for an action class: the narrations annotators gave to its segments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.text.matching import normalise


class NarrationBank:
    """Narrations of each action class with how often they occur.

    A text is drawn as often as annotators wrote it. The answer's text is the segment's own narration, which
    follows the same distribution: so an option's wording does not tell whether it is right.
    """

    def __init__(self, segments: Iterable[Segment], vocabulary: Vocabulary) -> None:
        counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for segment in segments:
            counts[vocabulary.action_id(segment.verb_id, segment.noun_id)][segment.narration] += 1
        self._texts = {action_id: sorted(texts) for action_id, texts in counts.items()}
        self._cumulative = {
            action_id: np.cumsum([counts[action_id][text] for text in texts])
            for action_id, texts in self._texts.items()
        }

    def draw(self, action_id: int, rng: np.random.Generator, taken: set[str]) -> str | None:
        """A narration of the class whose normalised form is not in `taken`; None when there is none.

        The draw is by frequency; when it is taken, the class's other texts are tried in text order.
        """
        texts, cumulative = self._texts[action_id], self._cumulative[action_id]
        drawn = texts[int(np.searchsorted(cumulative, rng.integers(cumulative[-1]), side="right"))]
        for text in [drawn, *texts]:
            if normalise(text) not in taken:
                return text
        return None
