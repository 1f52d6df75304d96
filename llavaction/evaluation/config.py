"""What is evaluated, and how. No torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError


class TaskName(StrEnum):
    """What the model is asked to do."""

    MQA = "mqa"
    """Choose among options."""
    DIRECT = "direct"
    """Name the action in its own words."""
    ACTION_HEAD = "action_head"
    """Classify with the heads of the action token."""


class MqaMode(StrEnum):
    """How a choice is read off the model."""

    OPTION = "option"
    """The answer line of each option is scored by its likelihood; the likeliest wins."""
    LETTER = "letter"
    """Only the letters are scored."""
    GENERATE = "generate"
    """The model writes; its choice is parsed from the text."""


@dataclass
class TaskConfig:
    """One table column's worth of questions."""

    task: TaskName = TaskName.MQA
    """What is asked."""
    samples: str = "???"
    """JSONL file of samples; `classes.json` must lie beside it."""
    mode: MqaMode = MqaMode.OPTION
    """How choices are read; mqa only."""
    top_k: int = 20
    """Likeliest actions that a row keeps; action_head only. 20 are enough for distractors in training with K up to
    10, which are drawn from the top 2K."""
    limit: int | None = None
    """Take only the first so many samples; null takes all."""

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise ConfigError(f"evaluation: top_k = {self.top_k} of {self.samples}: must be 1 or more")
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"evaluation: limit = {self.limit} of {self.samples}: must be 1 or more, or null")


@dataclass
class EvaluationConfig:
    """The tasks and how they are run."""

    tasks: dict[str, TaskConfig] = field(default_factory=dict)
    """Tasks by the name that reports show."""
    batch_size: int = 1
    """Clips at a time; options multiply it."""
    num_workers: int = 4
    """Processes per rank that load clips; 0 loads in the main process."""
    max_new_tokens: int = 32
    """Longest generated answer in tokens; a narration has under ten words."""
    num_questions: int | None = None
    """Questions of each task, drawn by `seed` and their ids; null asks all."""
    seed: int = 0
    """Seed of the draw."""

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.num_workers < 0 or self.max_new_tokens < 1:
            raise ConfigError("evaluation: batch_size and max_new_tokens must be 1 or more, num_workers 0 or more")
        if self.num_questions is not None and self.num_questions < 1:
            raise ConfigError(f"evaluation.num_questions = {self.num_questions}: must be 1 or more, or null")
        for name in self.tasks:
            if not re.fullmatch(r"\w+", name):
                raise ConfigError(f"evaluation.tasks: {name!r} names files; use letters, digits and underscores")
