"""The root of each command's configuration. Components define their own parts beside their code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from llavaction.annotations.epic_kitchens import AnnotationsConfig
from llavaction.evaluation.config import EvaluationConfig
from llavaction.model.config import CheckpointConfig, ModelConfig
from llavaction.processing.mixture import MixtureConfig
from llavaction.reports.config import ReportConfig
from llavaction.sft.build import SftConfig
from llavaction.sft.distractors.base import DistractorsConfig
from llavaction.sft.prompts import PromptsConfig
from llavaction.toy_kitchen.scenes import KitchenConfig
from llavaction.training.config import TrainConfig
from llavaction.utils.errors import ConfigError
from llavaction.video.layout import VideoConfig


@dataclass
class PathsConfig:
    """Where things lie; other sections refer to these, and what none refers to need not be set."""

    annotations: str | None = MISSING
    """Folder of the annotation CSVs."""
    videos: str | None = MISSING
    """Folder of the videos."""
    output: str = "runs"
    """Folder that runs are written below."""
    sft: str | None = MISSING
    """Folder of built samples."""


@dataclass
class BuildSftRoot:
    """`llavaction build-sft`."""

    paths: PathsConfig = MISSING
    annotations: AnnotationsConfig = MISSING
    sft: SftConfig = MISSING
    distractors: DistractorsConfig = MISSING
    prompts: PromptsConfig = MISSING
    output: str = MISSING
    """Folder of the samples; named after the strategy by default."""


@dataclass
class TrainRoot:
    """`llavaction train`."""

    paths: PathsConfig = MISSING
    video: VideoConfig = MISSING
    mixture: MixtureConfig = MISSING
    model: ModelConfig = MISSING
    train: TrainConfig = MISSING
    deepspeed: dict[str, Any] = MISSING
    """DeepSpeed's own configuration, passed on as it is; empty for plain data parallelism."""
    output: str = MISSING
    """Run folder; the same command resumes what lies in it."""

    def __post_init__(self) -> None:
        model = self.model
        if model.checkpoint is None and not (model.vision and model.decoder):
            raise ConfigError(
                "model.checkpoint is not set; give model.checkpoint=FOLDER, or model=NAME for a new model"
            )
        if model.checkpoint is None and model.tokenizer is None and "vocab_size" in model.decoder:
            # Its many rows are for the ids of a tokenizer that exists; one trained here would use a few of them.
            raise ConfigError("model.tokenizer is not set; a decoder with a vocab_size needs model.tokenizer=FOLDER")


@dataclass
class EvaluateRoot:
    """`llavaction evaluate`."""

    paths: PathsConfig = MISSING
    video: VideoConfig = MISSING
    model: CheckpointConfig = MISSING
    evaluation: EvaluationConfig = MISSING
    output: str = MISSING
    """Run folder of rows and metrics; the same command goes on where it was stopped."""


@dataclass
class ReportRoot:
    """`llavaction report`."""

    paths: PathsConfig = MISSING
    video: VideoConfig = MISSING
    report: ReportConfig = MISSING
    output: str = MISSING
    """Folder of the table and the picture."""


@dataclass
class AskRoot:
    """`llavaction ask`; video and question come as options of the command."""

    model: CheckpointConfig = MISSING
    video: VideoConfig = MISSING
    prompts: PromptsConfig = MISSING
    max_new_tokens: int = 64
    """Longest written answer in tokens; 64 leaves room for two sentences."""


@dataclass
class DemoRoot:
    """`llavaction demo`."""

    kitchen: KitchenConfig = MISSING
    output: str = MISSING
    """Folder of everything the demo makes; finished steps in it are not run again."""
    max_steps: int | None = None
    """Optimiser steps of each training, for a quick look; null takes the experiments' own."""
    num_workers: int = 2
    """Processes that film the kitchen; 2, as small machines have."""


ROOTS: dict[str, type] = {
    "build_sft": BuildSftRoot,
    "train": TrainRoot,
    "evaluate": EvaluateRoot,
    "report": ReportRoot,
    "ask": AskRoot,
    "demo": DemoRoot,
}
"""Root by the name of its YAML file in `configs/`."""
