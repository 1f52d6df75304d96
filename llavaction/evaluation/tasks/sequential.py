"""Sequential action prediction: questions that tell the model its own answers to the clips before (paper, SAP)."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.own_answers import as_told, own_answers
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.presentations import retell
from llavaction.evaluation.tasks import choices
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.samples import Sample


def answer(exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Row]:
    """One row per question; the samples are of different videos, and what comes before each has been answered.

    A question tells nothing where an earlier answer could not be read.

    Raises:
        DataError: when an earlier action has not been asked about.
    """
    told = [own_answers(sample, exam.history, exam.grader.name) for sample in samples]
    asked = [retell(sample, texts, exam.words) for sample, texts in zip(samples, told, strict=True)]
    answered = choices.answer(exam, asked, clips)
    rows = [as_told(row, sample, texts) for row, sample, texts in zip(answered, samples, told, strict=True)]
    exam.history.update({row.segment_id: row for row in rows})
    return rows
