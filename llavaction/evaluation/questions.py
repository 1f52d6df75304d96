"""The questions of each task: read, checked against the model's classes, and drawn where a part is enough."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llavaction.evaluation.config import EvaluationConfig
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample, read_samples
from llavaction.utils.errors import ConfigError
from llavaction.utils.seeding import seed_for

Questions = dict[str, list[Sample]]
"""Samples by the name of their task, in the order of their file."""


def read_questions(config: EvaluationConfig, classes: ClassTable, owner: str) -> Questions:
    """The questions that `config` asks.

    Args:
        classes: those of the model.
        owner: what has these classes, for errors.

    Raises:
        ConfigError: when there are no tasks.
        DataError: when a file is missing or broken, or its classes are others.
    """
    if not config.tasks:
        raise ConfigError(
            "no tasks to evaluate; choose them with evaluation=NAME or +evaluation.tasks.NAME.samples=FILE"
        )
    questions = {}
    for name, task in config.tasks.items():
        path = Path(task.samples)
        ClassTable.load(path.parent).check_same(classes, f"{name}: {path}", owner)
        questions[name] = draw_questions(read_samples(path)[: task.limit], config.num_questions, config.seed)
    return questions


def draw_questions(samples: Sequence[Sample], number: int | None, seed: int) -> list[Sample]:
    """`number` of the samples (None for all), in their order.

    Which ones depends on the seed and their own ids: a longer file keeps most of a shorter one's.
    """
    if number is None or number >= len(samples):
        return list(samples)
    ranked = sorted(samples, key=lambda sample: (seed_for(seed, "questions", sample.sample_id), sample.sample_id))
    drawn = {sample.sample_id for sample in ranked[:number]}
    return [sample for sample in samples if sample.sample_id in drawn]
