"""Direct prediction: what is being done? The answer is the narration."""

from __future__ import annotations

from llavaction.annotations.epic_kitchens import Split
from llavaction.annotations.segments import Segment
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.builders.base import clip_of, label_of
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import Role, Sample, Turn, View
from llavaction.sft.tally import Tally


class DirectBuilder:
    """Asks for the action without choices."""

    view = View.DIRECT

    def __init__(self, vocabulary: Vocabulary, prompts: PromptsConfig) -> None:
        self._vocabulary = vocabulary
        self._prompts = prompts

    def build(self, segment: Segment, split: Split, tally: Tally) -> Sample | None:
        return Sample(
            sample_id=f"{self.view}/{segment.segment_id}",
            view=self.view,
            segment_id=segment.segment_id,
            clip=clip_of(segment),
            turns=(
                Turn(Role.USER, self._prompts.direct_question),
                Turn(Role.ASSISTANT, self._prompts.direct_answer.format(narration=segment.narration)),
            ),
            action=label_of(segment, self._vocabulary),
        )
