"""The model names the action in its own words."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.answering import Prompt
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks.common import Exam
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample

NO_ACTION_ID = -1
"""Action id where only a verb and a noun were read from a text."""


def answer(exam: Exam, samples: Sequence[Sample], prompts: Sequence[Prompt]) -> list[Row]:
    """The generated text, and the class whose annotators used these words."""
    texts = exam.answerer.generate(prompts, exam.config.max_new_tokens)
    return [
        exam.make_row(sample, raw=text, predicted=_classes(text, exam.answerer.classes))
        for sample, text in zip(samples, texts, strict=True)
    ]


def _classes(text: str, classes: ClassTable) -> tuple[int, int, int] | None:
    pair = classes.class_of(text)
    return None if pair is None else (*pair, NO_ACTION_ID)
