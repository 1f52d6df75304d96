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
    rows = []
    for sample, text, actions, scores in zip(
        samples, texts, ranked.action_ids.tolist(), ranked.similarities.tolist(), strict=True
    ):
        known = scores[0] > 0
        rows.append(
            exam.grader.ranking(sample, actions, scores, raw=text) if known else exam.grader.row(sample, raw=text)
        )
    return rows
