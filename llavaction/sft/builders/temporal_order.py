"""Multiple-choice questions that tell what was done before (paper: temporal order; at test, SAP)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llavaction.annotations.epic_kitchens import Split
from llavaction.annotations.segments import Segment
from llavaction.sft.builders.mqa import MqaBuilder
from llavaction.sft.prior_actions import PriorConfig, tell
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import PriorAction, Role, Sample, Turn, View
from llavaction.sft.tally import Tally
from llavaction.utils.seeding import unit_interval

PRIOR_TOPIC = "prior"


class TemporalOrderBuilder:
    """The questions of the view mqa: a share of them in training, and in validation all that can, tell earlier actions.

    The other questions are there too, unchanged, so the file stands for the one of the view mqa.
    """

    view = View.TEMPORAL_ORDER

    def __init__(
        self,
        questions: MqaBuilder,
        before: Mapping[str, tuple[Segment, ...]],
        answers: Mapping[str, str] | None,
        config: PriorConfig,
        prompts: PromptsConfig,
        seed: int,
    ) -> None:
        """Take the questions and what precedes each segment.

        Args:
            before: the segments before each segment, by its id.
            answers: a model's answers by segment id, told in validation; None tells the narrations.
        """
        self._questions = questions
        self._before = before
        self._answers = answers
        self._config = config
        self._prompts = prompts
        prompts.template("prior_question")  # an error at the start if there is none
        self._seed = seed

    def build(self, segment: Segment, split: Split, tally: Tally) -> Sample:
        sample = self._questions.build(segment, split, tally)
        sample_id = sample.sample_id.replace(View.MQA, self.view, 1)
        prior = self._prior(segment, split, tally)
        if not prior:
            return replace(sample, sample_id=sample_id, view=self.view)
        question = Turn(Role.USER, self._prompts.after(sample.question, prior))
        return replace(sample, sample_id=sample_id, view=self.view, turns=(question, *sample.turns[1:]), prior=prior)

    def _prior(self, segment: Segment, split: Split, tally: Tally) -> tuple[PriorAction, ...]:
        before = self._before.get(segment.segment_id)
        if before is None:
            tally.count(PRIOR_TOPIC, "none_before")
            return ()
        drawn = unit_interval(self._seed, segment.segment_id, self.view)
        if split is Split.TRAIN and drawn >= self._config.train_share:
            tally.count(PRIOR_TOPIC, "not_chosen")
            return ()
        prior = tell(segment, before, None if split is Split.TRAIN else self._answers)
        tally.count(PRIOR_TOPIC, "told" if prior else "no_answer")
        return prior
