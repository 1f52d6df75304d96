"""Which model on a server answers, and in what words it is asked. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from llavaction.api.config import VisionServerConfig
from llavaction.evaluation.config import CHOICES, EvaluationConfig, MqaMode, TaskName
from llavaction.utils.errors import ConfigError

ASKABLE = (*CHOICES, TaskName.DIRECT, TaskName.TEMPORAL_DETECTION, TaskName.CAPTION)
"""Tasks that a model which only writes can do."""


@dataclass
class ApiPrompt:
    """What is said beside the question, which stays as the sample has it."""

    name: str
    """Name that the run records."""
    version: int
    """Raised with every change of wording, as results before and after do not compare."""
    system: str
    """What the pictures are, and whose; told before every question."""
    choice: str | None = None
    """Said below a question with options: how to answer. null says nothing; likewise below."""
    direct: str | None = None
    """Said below a question that asks to name the action."""
    temporal_detection: str | None = None
    """Said below a question for a start and a stop."""
    caption: str | None = None
    """Said below a question for a description."""


@dataclass(kw_only=True)
class ApiConfig(VisionServerConfig):
    """A model on a server, what it is shown, and within what limits."""

    SECTION: ClassVar[str] = "api"
    """The section of the configuration that this is, for errors."""

    prompt: ApiPrompt
    """Words beside the questions."""
    num_frames: int = 8
    """Frames per clip, the middles of as many equal parts; 8, as in the paper's table of GPT-4o."""
    reasoning_tokens: int = 0
    """Tokens that a model may think with before it answers, on top of evaluation.max_new_tokens and
    evaluation.max_caption_tokens; 0 for models that do not."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_least(reasoning_tokens=0)


def check_askable(config: EvaluationConfig) -> None:
    """Make sure that a model which only writes can do every task.

    Raises:
        ConfigError: naming the task that it cannot, and what to take instead.
    """
    if config.num_frames is not None:
        raise ConfigError(f"evaluation.num_frames = {config.num_frames}: a server is shown api.num_frames; set that")
    for name, task in config.tasks.items():
        if task.task not in ASKABLE:
            raise ConfigError(
                f"evaluation.tasks.{name}: a task of kind {task.task} looks inside the model, and a server only sends "
                f"text; leave it out with ~evaluation.tasks.{name}, or choose evaluation=mqa_generate"
            )
        if task.task in CHOICES and task.mode is not MqaMode.GENERATE:
            raise ConfigError(
                f"evaluation.tasks.{name}.mode = {task.mode}: needs likelihoods, and a server only sends text; set "
                f"evaluation.tasks.{name}.mode=generate, or choose evaluation=mqa_generate"
            )
