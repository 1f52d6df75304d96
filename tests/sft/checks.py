"""What must hold for every question with choices."""

from __future__ import annotations

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.segments import Segment
from llavaction.sft.narrations import AnswerText
from llavaction.sft.overlaps import overlapping_actions
from llavaction.sft.prompts import PromptsConfig, seconds
from llavaction.sft.samples import Sample
from llavaction.text.matching import normalise
from llavaction.text.phrases import PhraseBook


class QuestionCheck:
    """Checks questions about one dataset."""

    def __init__(self, annotations: Annotations, prompts: PromptsConfig, num_options: int) -> None:
        self._vocabulary = annotations.vocabulary
        self._overlaps = overlapping_actions(annotations)
        self._phrases = PhraseBook(annotations.vocabulary)
        self._prompts = prompts
        self._num_options = num_options
        self._by_id = {s.segment_id: s for s in [*annotations.train, *annotations.validation]}

    def check(self, sample: Sample, answer_text: AnswerText = AnswerText.NARRATION) -> None:
        """The answer is there once, the others are wrong, and nothing but options and history is said."""
        assert sample.segment_id is not None
        segment = self._by_id[sample.segment_id]
        self._check_options(sample, segment, answer_text)
        self._check_words(sample)
        self._check_history(sample, segment)

    def _check_options(self, sample: Sample, segment: Segment, answer_text: AnswerText) -> None:
        assert sample.answer_idx is not None and sample.action is not None
        truth = self._vocabulary.action_id(segment.verb_id, segment.noun_id)
        texts = [normalise(option.text) for option in sample.options]
        assert len(texts) == len(set(texts)) == self._num_options
        answer = sample.options[sample.answer_idx]
        assert answer.action_id == sample.action.action_id == truth
        assert answer.source is None
        if answer_text is AnswerText.NARRATION:
            assert answer.text == segment.narration
        others = [option for option in sample.options if option is not answer]
        wrong_ids = {option.action_id for option in others}
        assert len(wrong_ids) == self._num_options - 1
        assert not wrong_ids & {truth, *self._overlaps.get(segment.segment_id, ())}
        assert normalise(segment.narration) not in [normalise(option.text) for option in others]
        assert not any(self._phrases.same_action(answer.text, option.text) for option in others)
        assert all(option.source is not None for option in others)

    def _check_words(self, sample: Sample) -> None:
        """The question is the template with the lines of the options and of the history, and nothing besides."""
        lines = [f"{letter}. {option.text}" for letter, option in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", sample.options)]
        question = self._prompts.mqa_question.format(options="\n".join(lines))
        if sample.prior:
            told = [
                self._prompts.prior_action.format(text=action.text, before_s=seconds(action.before_s))
                for action in sample.prior
            ]
            template = self._prompts.template("prior_question")
            question = template.format(actions="\n".join(told), question=question)
        assert sample.question == question
        assert [option.answer for option in sample.options] == lines
        assert sample.answer == lines[sample.answer_idx or 0]

    def _check_history(self, sample: Sample, segment: Segment) -> None:
        before_s = [action.before_s for action in sample.prior]
        assert before_s == sorted(before_s, reverse=True)
        for action in sample.prior:
            other = self._by_id[action.segment_id]
            assert other.video_id == segment.video_id
            assert other.start_s < segment.start_s
            assert action.before_s == round(segment.start_s - other.start_s, 2)
            assert other.action_key != segment.action_key or other.stop_s <= segment.start_s
