"""The model names the action in its own words."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.evaluation.answering import Answerer, Prompt
from llavaction.evaluation.config import EvaluationConfig, TaskConfig
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks.common import make_row
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample

NO_ACTION_ID = -1
"""Action id of a (verb, noun) pair that is no action class."""


def answer(
    name: str,
    task: TaskConfig,
    config: EvaluationConfig,
    answerer: Answerer,
    samples: Sequence[Sample],
    prompts: Sequence[Prompt],
) -> list[Row]:
    """The generated text, and the class whose annotators used these words."""
    texts = answerer.generate(prompts, config.max_new_tokens)
    return [
        make_row(name, task.task, sample, raw=text, predicted=_classes(text, answerer.classes))
        for sample, text in zip(samples, texts, strict=True)
    ]


def _classes(text: str, classes: ClassTable) -> tuple[int, int, int] | None:
    pair = classes.class_of(text)
    return None if pair is None else (*pair, NO_ACTION_ID)
