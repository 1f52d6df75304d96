from __future__ import annotations

from llavaction.annotations.epic_kitchens import Split
from llavaction.sft.builders.direct import DirectBuilder
from llavaction.sft.samples import ActionLabel, ClipRef, Role, Sample, Turn, View
from llavaction.sft.tally import Tally
from tests.sft.worlds import PROMPTS, make_annotations

ANNOTATIONS = make_annotations([("take plate", 0, 0), ("put {cup}", 1, 1)], [])


def test_the_answer_is_the_narration_as_it_stands() -> None:
    builder = DirectBuilder(ANNOTATIONS.vocabulary, PROMPTS)
    assert builder.build(ANNOTATIONS.train.get("T1"), Split.TRAIN, Tally()) == Sample(
        sample_id="direct/T1",
        view=View.DIRECT,
        segment_id="T1",
        clip=ClipRef("P01_01", 6.0, 8.5),
        turns=(Turn(Role.USER, "What is it?"), Turn(Role.ASSISTANT, "put {cup}")),
        action=ActionLabel(verb_id=1, noun_id=1, action_id=1),
    )
