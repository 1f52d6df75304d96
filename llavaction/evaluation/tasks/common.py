"""What all tasks share: who is asked what, and the rows that come out."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from llavaction.evaluation.answering import Answerer, Prompt
from llavaction.evaluation.config import EvaluationConfig, TaskConfig
from llavaction.evaluation.grading import Grader
from llavaction.evaluation.predictions import Row
from llavaction.sft.nearest_classes import NearestClasses
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import Sample, Turn


@dataclass(frozen=True, eq=False)
class Clip:
    """What a sample shows, as the model sees it: features `[n, D]` of so many frames."""

    features: Tensor
    num_frames: int


@dataclass(frozen=True)
class Exam:
    """A task and the model that answers.

    Attributes:
        words: the prompts that the samples were built with; None where nothing beside them tells.
        nearest: finds the classes of free texts.
        history: what the model has answered so far, by segment; `sequential` reads it.
        kept: what a task works out once for all its questions.
    """

    grader: Grader
    config: EvaluationConfig
    answerer: Answerer
    words: PromptsConfig | None = None
    nearest: NearestClasses | None = None
    history: dict[str, Row] = field(default_factory=dict)
    kept: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def task(self) -> TaskConfig:
        """The task's settings."""
        return self.grader.task

    def prompt(self, turns: Iterable[Turn], clip: Clip) -> Prompt:
        """`turns`, the last one a question, about a clip."""
        return Prompt(self.answerer.processor.prompt_ids(turns, clip.num_frames), clip.features)

    def questions(self, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Prompt]:
        """The samples' own questions."""
        return [self.prompt(sample.turns[:-1], clip) for sample, clip in zip(samples, clips, strict=True)]

    def write(self, prompts: Sequence[Prompt], max_new_tokens: int | None = None) -> list[str]:
        """The model's answers in its own words."""
        return self.answerer.generate(prompts, max_new_tokens or self.config.max_new_tokens)
