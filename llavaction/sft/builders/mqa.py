"""Multiple-choice questions: the right action among K-1 distractors (paper section 3)."""

from __future__ import annotations

from llavaction.annotations.epic_kitchens import Split
from llavaction.annotations.segments import Segment
from llavaction.sft.builders.base import clip_of, label_of
from llavaction.sft.options import OptionMaker
from llavaction.sft.prompts import LETTERS, PromptsConfig
from llavaction.sft.samples import Option, Role, Sample, Turn, View
from llavaction.sft.tally import Tally
from llavaction.utils.draws import draws_for

LETTERS_TOPIC = "letters"


class MqaBuilder:
    """Asks to choose among K options."""

    view = View.MQA

    def __init__(self, options: OptionMaker, prompts: PromptsConfig, seed: int) -> None:
        self._options = options
        self._prompts = prompts
        self._seed = seed

    def build(self, segment: Segment, split: Split, tally: Tally) -> Sample:
        strategy = self._options.strategies[0].name
        # The view is part of no key: with and without earlier actions a segment has the same options.
        draws = draws_for(self._seed, segment.segment_id, View.MQA, strategy)
        answer, *others = self._options.make(segment, split, draws, tally)
        # Nor is the strategy part of this one: easy and hard questions have their answer at the same letter.
        answer_idx = draws_for(self._seed, segment.segment_id, "answer_place").below(self._options.num_options)
        choices = [*others[:answer_idx], answer, *others[answer_idx:]]
        tally.count(LETTERS_TOPIC, LETTERS[answer_idx])
        options = tuple(
            Option(choice.text, choice.action_id, self._prompts.answer(idx, choice.text), choice.source)
            for idx, choice in enumerate(choices)
        )
        return Sample(
            sample_id=f"{self.view}/{strategy}/{segment.segment_id}",
            view=self.view,
            segment_id=segment.segment_id,
            clip=clip_of(segment),
            turns=(
                Turn(Role.USER, self._prompts.question([choice.text for choice in choices])),
                Turn(Role.ASSISTANT, options[answer_idx].answer),
            ),
            action=label_of(segment, self._options.vocabulary),
            options=options,
            answer_idx=answer_idx,
        )
