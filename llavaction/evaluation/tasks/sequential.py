"""Sequential action prediction: questions that tell the model its own answers to the clips before (paper, SAP)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llavaction.evaluation.predictions import Row
from llavaction.evaluation.presentations import retell
from llavaction.evaluation.questions import hash_question
from llavaction.evaluation.tasks import choices
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError


def answer(exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Row]:
    """One row per question; the samples are of different videos, and what comes before each has been answered.

    A question tells nothing where an earlier answer could not be read.

    Raises:
        DataError: when an earlier action has not been asked about.
    """
    told = [_told(exam, sample) for sample in samples]
    asked = [retell(sample, texts, exam.words) for sample, texts in zip(samples, told, strict=True)]
    rows = [
        replace(row, question_sha256=hash_question(sample), told=tuple(texts or ()))
        for row, sample, texts in zip(choices.answer(exam, asked, clips), samples, told, strict=True)
    ]
    exam.history.update({row.segment_id: row for row in rows})
    return rows


def _told(exam: Exam, sample: Sample) -> list[str] | None:
    """The model's own answers to the earlier actions of a question; None when it has none, or one cannot be read."""
    texts = []
    for action in sample.prior:
        row = exam.history.get(action.segment_id)
        if row is None:
            raise DataError(
                f"sample {sample.sample_id!r} tells the action of segment {action.segment_id!r}, which is not among "
                f"the questions of task {exam.grader.name!r} before it; ask whole videos (no limit, no num_questions)"
            )
        texts.append(None if row.chosen_idx is None else row.options[row.chosen_idx])
    known = [text for text in texts if text is not None]
    return known if known and len(known) == len(texts) else None
