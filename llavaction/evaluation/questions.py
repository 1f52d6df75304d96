"""The questions of each task: read, checked against the model's classes, and drawn where a part is enough."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llavaction.evaluation.config import HEADS, EvaluationConfig
from llavaction.sft.classes import ClassTable
from llavaction.sft.manifest import MANIFEST, read_manifest
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import Sample, read_samples
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import dump_line
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


def check_heads(config: EvaluationConfig, model: Any) -> None:
    """Raises: ConfigError, when a task needs the heads of an action token and `model` has none."""
    tasks = [name for name, task in config.tasks.items() if task.task in HEADS]
    if tasks and model.action_token is None:
        raise ConfigError(
            f"evaluation task {tasks[0]!r} asks the heads of the action token, and this model has none; leave the task "
            "out, or train with model.supervision=one_token"
        )


def hash_question(sample: Sample) -> str:
    """The first 16 digits of the SHA-256 of a sample, all that is shown and asked: other builds have others."""
    return content_sha256([dump_line(sample.to_row())])[:16]


def words_of(samples: Path) -> PromptsConfig | None:
    """The prompts that a file of samples was built with, as the manifest beside it has them; None without a manifest.

    Raises:
        DataError: when the manifest does not tell them.
    """
    if not (samples.parent / MANIFEST).is_file():
        return None
    manifest = read_manifest(samples.parent)
    try:
        return PromptsConfig(**manifest["config"]["prompts"])
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{samples.parent / MANIFEST}: no prompts in its config ({type(error).__name__}: {error}); build the "
            "samples again"
        ) from None


def draw_questions(samples: Sequence[Sample], number: int | None, seed: int) -> list[Sample]:
    """`number` of the samples (None for all), in their order.

    Which ones depends on the seed and their own ids: a longer file keeps most of a shorter one's.
    """
    if number is None or number >= len(samples):
        return list(samples)
    ranked = sorted(samples, key=lambda sample: (seed_for(seed, "questions", sample.sample_id), sample.sample_id))
    drawn = {sample.sample_id for sample in ranked[:number]}
    return [sample for sample in samples if sample.sample_id in drawn]
