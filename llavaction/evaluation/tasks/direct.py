"""The model names the action in its own words."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.samples import Sample


def answer(exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Row]:
    """The generated text, and the classes whose texts are nearest to it; none where it has no words in common."""
    assert exam.nearest is not None
    texts = exam.write(exam.questions(samples, clips))
    ranked = exam.nearest.rank_scored(texts, min(exam.task.top_k, len(exam.grader.classes.actions)))
    nearest = zip(ranked.action_ids.tolist(), ranked.similarities.tolist(), strict=True)
    return [
        exam.grader.direct(sample, text, actions, similarities)
        for sample, text, (actions, similarities) in zip(samples, texts, nearest, strict=True)
    ]
