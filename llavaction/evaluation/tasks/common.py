"""What all tasks share: who is asked what, and the rows that come out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from torch import Tensor

from llavaction.evaluation.answering import Answerer, Prompt
from llavaction.evaluation.config import EvaluationConfig, TaskConfig
from llavaction.evaluation.grading import Grader
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.prefix_tree import Tails
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
        priors: scores of all classes without a clip, by the question's ids; `all_classes` keeps them here.
    """

    grader: Grader
    config: EvaluationConfig
    answerer: Answerer
    words: PromptsConfig | None = None
    nearest: NearestClasses | None = None
    history: dict[str, Row] = field(default_factory=dict)
    priors: dict[tuple[int, ...], np.ndarray] = field(default_factory=dict)

    @property
    def task(self) -> TaskConfig:
        """The task's settings."""
        return self.grader.task

    @cached_property
    def class_tails(self) -> Tails:
        """The text of each action class as tokens; with the end of the answer where another class begins with it."""
        processor, classes = self.answerer.processor, self.grader.classes
        texts = [processor.answer_ids(classes.action_text(action_id)) for action_id in range(len(classes.actions))]
        beginnings = {tuple(ids[:length]) for ids in texts for length in range(1, len(ids))}
        return Tails([[*ids, processor.end_id] if tuple(ids) in beginnings else ids for ids in texts])

    def prompt(self, turns: Iterable[Turn], clip: Clip) -> Prompt:
        """`turns`, the last one a question, about a clip."""
        return Prompt(self.answerer.processor.prompt_ids(turns, clip.num_frames), clip.features)

    def questions(self, samples: Sequence[Sample], clips: Sequence[Clip]) -> list[Prompt]:
        """The samples' own questions."""
        return [self.prompt(sample.turns[:-1], clip) for sample, clip in zip(samples, clips, strict=True)]

    def write(self, prompts: Sequence[Prompt], max_new_tokens: int | None = None) -> list[str]:
        """The model's answers in its own words."""
        return self.answerer.generate(prompts, max_new_tokens or self.config.max_new_tokens)
