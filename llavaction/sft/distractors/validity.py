"""Is a distractor really wrong? What must not stand beside an answer, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.segments import Segment
from llavaction.sft.overlaps import overlapping_actions
from llavaction.text.encoders import TextEncoder
from llavaction.text.matching import normalise
from llavaction.text.phrases import PhraseBook
from llavaction.text.similarity import DECIMALS, on_grid, rounded_ticks
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError


class DropReason(StrEnum):
    """Why an action, or a text of it, cannot be a wrong option."""

    SAME_CLASS = "same_class"
    """It is the segment's own class."""
    OVERLAPPING = "overlapping"
    """It happens at the same time, in another segment of the video; or its words name what does."""
    SAME_TEXT = "same_text"
    """It reads as the answer, the segment's narration or another option, but for case and punctuation."""
    SYNONYM = "synonym"
    """Its words name the answer's verb class and noun class, by the instances that the class files list, or
    annotators wrote them for the answer's class too."""
    TOO_SIMILAR = "too_similar"
    """An encoder finds it nearly the same as the answer."""


@dataclass
class ValidityConfig:
    """Which distractors are dropped beside those of the same class and the same text."""

    overlapping: bool = True
    """Drop actions of segments that overlap in time: they are seen in the clip too."""
    synonyms: bool = True
    """Drop texts that name the answer's class in other words."""
    max_similarity: float | None = None
    """Drop texts whose cosine similarity to the answer is above this; null drops none, as encoders take many
    opposites (open, close) for similar. The similarities are in the manifest in any case."""

    def __post_init__(self) -> None:
        if self.max_similarity is not None and not 0 < self.max_similarity <= 1:
            raise ConfigError(f"distractors.validity.max_similarity = {self.max_similarity}: must be above 0, up to 1")


class Similarities:
    """Cosine similarities between texts that are known beforehand."""

    def __init__(self, encoder: TextEncoder, texts: Iterable[str]) -> None:
        self.encoder_name = encoder.name
        distinct = sorted(set(texts))
        self._rows = {text: row for row, text in enumerate(distinct)}
        self._embeddings = encoder.encode(distinct)

    def between(self, answer: str, others: Iterable[str]) -> list[float]:
        """The similarity of each other text to the answer, to four decimals."""
        rows = [self._rows[text] for text in others]
        ticks = rounded_ticks(on_grid(self._embeddings[rows]), on_grid(self._embeddings[[self._rows[answer]]]))
        return [int(tick) / 10**DECIMALS for tick in ticks[:, 0]]


@dataclass(frozen=True)
class Validity:
    """Says whether an action, or a text, may be a wrong option for a segment.

    Attributes:
        overlaps: verb and noun ids of what else happens during a segment, by its id.
        narrated: verb and noun ids that annotators used a normalised text for.
    """

    config: ValidityConfig
    phrases: PhraseBook
    similarities: Similarities
    overlaps: Mapping[str, frozenset[tuple[int, int]]] = field(default_factory=dict)
    narrated: Mapping[str, frozenset[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def prepare(cls, config: ValidityConfig, annotations: Annotations, similarities: Similarities) -> Validity:
        """Look up what overlaps in time and what words were used for, once for all segments."""
        overlaps = overlapping_actions(annotations) if config.overlapping else {}
        narrated: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
        for segment in (*annotations.train, *annotations.validation):
            narrated[normalise(segment.narration)].add((segment.verb_id, segment.noun_id))
        meanings = {text: frozenset(classes) for text, classes in narrated.items()}
        return cls(config, PhraseBook(annotations.vocabulary), similarities, overlaps, meanings)

    def class_problem(self, segment: Segment, classes: tuple[int, int]) -> DropReason | None:
        """Why an action, given by its verb id and noun id, is no wrong option, or None."""
        if classes == (segment.verb_id, segment.noun_id):
            return DropReason.SAME_CLASS
        if classes in self.overlaps.get(segment.segment_id, ()):
            return DropReason.OVERLAPPING
        return None

    def text_problem(self, segment: Segment, answer: str, text: str, taken: set[str]) -> DropReason | None:
        """Why a text is no wrong option, or None.

        Args:
            taken: the normalised answer, narration and options so far.
        """
        words = normalise(text)
        if words in taken:
            return DropReason.SAME_TEXT
        truth = (segment.verb_id, segment.noun_id)
        named = self.phrases.classes_of(text)
        if self.config.synonyms:
            if truth in self.narrated.get(words, ()):
                return DropReason.SYNONYM
            if named is not None and named in (truth, self.phrases.classes_of(answer)):
                return DropReason.SYNONYM
        if named in self.overlaps.get(segment.segment_id, ()):
            return DropReason.OVERLAPPING
        limit = self.config.max_similarity
        if limit is not None and self.similarities.between(answer, [text])[0] > limit:
            return DropReason.TOO_SIMILAR
        return None
