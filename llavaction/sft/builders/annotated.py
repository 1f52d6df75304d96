"""Views written by an annotator: captions and open questions with answers (`llavaction annotate`)."""

from __future__ import annotations

from collections.abc import Mapping

from llavaction.annotations.epic_kitchens import Split
from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.annotator.records import ClipAnnotation
from llavaction.sft.builders.base import LEFT_OUT, clip_of, label_of
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import Role, Sample, Turn, View
from llavaction.sft.tally import Tally

NOT_ANNOTATED = "not_annotated"


class CaptionBuilder:
    """Asks for a description of the clip; the answer is the annotator's caption."""

    view = View.CAPTION

    def __init__(self, vocabulary: Vocabulary, annotated: Mapping[str, ClipAnnotation], prompts: PromptsConfig) -> None:
        self._vocabulary = vocabulary
        self._annotated = annotated
        self._question = prompts.template("caption_question")

    def build(self, segment: Segment, split: Split, tally: Tally) -> Sample | None:
        annotation = self._annotated.get(segment.segment_id)
        if annotation is None:
            tally.count(LEFT_OUT, NOT_ANNOTATED)
            return None
        turns = (Turn(Role.USER, self._question), Turn(Role.ASSISTANT, annotation.caption))
        return _sample(self.view, segment, self._vocabulary, turns)


class QaBuilder:
    """The annotator's questions about the clip, one after another in one conversation, so that it is read once."""

    view = View.QA

    def __init__(self, vocabulary: Vocabulary, annotated: Mapping[str, ClipAnnotation]) -> None:
        self._vocabulary = vocabulary
        self._annotated = annotated

    def build(self, segment: Segment, split: Split, tally: Tally) -> Sample | None:
        annotation = self._annotated.get(segment.segment_id)
        if annotation is None or not annotation.pairs:
            tally.count(LEFT_OUT, NOT_ANNOTATED)
            return None
        turns = tuple(
            turn
            for pair in annotation.pairs
            for turn in (Turn(Role.USER, pair.question), Turn(Role.ASSISTANT, pair.answer))
        )
        return _sample(self.view, segment, self._vocabulary, turns)


def _sample(view: View, segment: Segment, vocabulary: Vocabulary, turns: tuple[Turn, ...]) -> Sample:
    return Sample(
        sample_id=f"{view}/{segment.segment_id}",
        view=view,
        segment_id=segment.segment_id,
        clip=clip_of(segment),
        turns=turns,
        action=label_of(segment, vocabulary),
    )
