"""What a training run is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llavaction.evaluation.config import EvaluationConfig
from llavaction.model.config import ModelConfig
from llavaction.model.lora.config import LoraConfig
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample
from llavaction.training.config import TrainConfig
from llavaction.video.layout import VideoConfig


@dataclass(frozen=True)
class TrainingRun:
    """Everything a run needs; `deepspeed` is empty for plain data parallelism, `media_folders` without `media`.

    `lora` trains adapters on the checkpoint that `model` names. `evaluation` is asked every `train.eval_every` steps.
    """

    folder: Path
    samples: list[Sample]
    classes: ClassTable
    video: VideoConfig
    model: ModelConfig
    train: TrainConfig
    deepspeed: dict[str, Any]
    media_folders: Mapping[str, Path] = field(default_factory=dict)
    lora: LoraConfig = field(default_factory=LoraConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
