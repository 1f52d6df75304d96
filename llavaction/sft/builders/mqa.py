"""Multiple-choice questions: the segment's narration among K-1 distractors (paper section 3)."""

from __future__ import annotations

from itertools import chain, islice

import numpy as np

from llavaction.annotations.epic_kitchens import Split
from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.builders.base import clip_of, label_of
from llavaction.sft.distractors import DistractorStrategy
from llavaction.sft.narrations import NarrationBank
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import Option, Role, Sample, Turn, View
from llavaction.text.matching import normalise
from llavaction.utils.errors import DataError
from llavaction.utils.seeding import rng_for


class MqaBuilder:
    """Asks to choose among K options.

    Training draws the K-1 distractors from the strategy's top 2K, so that not only the hardest appear;
    evaluation takes the top K-1. A class whose every text equals an option already there is passed over.
    """

    view = View.MQA

    def __init__(
        self,
        vocabulary: Vocabulary,
        prompts: PromptsConfig,
        bank: NarrationBank,
        strategy: DistractorStrategy,
        num_options: int,
        seed: int,
    ) -> None:
        self._vocabulary = vocabulary
        self._prompts = prompts
        self._bank = bank
        self._strategy = strategy
        self._num_options = num_options
        self._seed = seed

    def build(self, segment: Segment, split: Split) -> Sample:
        rng = rng_for(self._seed, segment.segment_id, self.view, self._strategy.name)
        action = label_of(segment, self._vocabulary)
        choices = self._distractors(segment, split, rng)
        answer_idx = int(rng.integers(self._num_options))
        choices.insert(answer_idx, (segment.narration, action.action_id))
        texts = [text for text, _ in choices]
        options = tuple(
            Option(text, action_id, self._prompts.answer(idx, text)) for idx, (text, action_id) in enumerate(choices)
        )
        return Sample(
            sample_id=f"{self.view}/{self._strategy.name}/{segment.segment_id}",
            view=self.view,
            segment_id=segment.segment_id,
            clip=clip_of(segment),
            turns=(
                Turn(Role.USER, self._prompts.question(texts)),
                Turn(Role.ASSISTANT, options[answer_idx].answer),
            ),
            action=action,
            options=options,
            answer_idx=answer_idx,
        )

    def _distractors(self, segment: Segment, split: Split, rng: np.random.Generator) -> list[tuple[str, int]]:
        ranked = self._strategy.candidates(segment, rng)
        if split is Split.TRAIN:
            pool = list(islice(ranked, 2 * self._num_options))
            ranked = chain([pool[i] for i in rng.permutation(len(pool))], ranked)
        taken = {normalise(segment.narration)}
        choices: list[tuple[str, int]] = []
        for action_id in ranked:
            text = self._bank.draw(action_id, rng, taken)
            if text is not None:
                taken.add(normalise(text))
                choices.append((text, action_id))
            if len(choices) == self._num_options - 1:
                # In evaluation the order would otherwise be the specialist's ranking, which tells something.
                return [choices[i] for i in rng.permutation(len(choices))]
        raise DataError(
            f"segment {segment.segment_id!r}: {self._strategy.name} distractors give {len(choices)} different "
            f"texts, {self._num_options - 1} are needed; ask for fewer options with sft.num_options"
        )
