"""When does a named action start and stop?"""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.samples import Sample


def answer(exam: Exam, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Row]:
    """The generated text, and the stretch of time that it names."""
    texts = exam.write(exam.questions(samples, clips))
    return [exam.grader.span(sample, text) for sample, text in zip(samples, texts, strict=True)]
