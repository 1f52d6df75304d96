"""The root of each command's configuration. Components define their own parts beside their code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from llavaction.annotations.epic_kitchens import AnnotationsConfig
from llavaction.evaluation.attention.config import AttentionConfig
from llavaction.evaluation.config import EvaluationConfig
from llavaction.evaluation.contestants.config import ApiConfig
from llavaction.evaluation.judging.config import JudgeConfig
from llavaction.model.config import CheckpointConfig, ModelConfig
from llavaction.model.lora.config import LoraConfig
from llavaction.model.public.options import ConvertConfig
from llavaction.processing.mixture import MixtureConfig
from llavaction.reports.audit.config import AuditConfig
from llavaction.reports.config import ReportConfig
from llavaction.reports.distractor_stats.config import StatsConfig
from llavaction.reports.runs.config import RunsConfig
from llavaction.sft.annotator.config import AnnotatorConfig
from llavaction.sft.config import SftConfig
from llavaction.sft.distractors.base import DistractorsConfig
from llavaction.sft.exports.config import ExportConfig, ExportFormat
from llavaction.sft.prompts import PromptsConfig
from llavaction.text.encoders import EncoderConfig
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
    encoder: EncoderConfig = MISSING
    output: str = MISSING
    """Folder of the samples; named after the strategy by default."""


@dataclass
class AnnotateRoot:
    """`llavaction annotate`."""

    paths: PathsConfig = MISSING
    annotations: AnnotationsConfig = MISSING
    video: VideoConfig = MISSING
    annotator: AnnotatorConfig = MISSING
    output: str = MISSING
    """Folder of the annotations; named after the prompt by default. The same command resumes."""


@dataclass
class ExportRoot:
    """`llavaction export`."""

    paths: PathsConfig = MISSING
    export: ExportConfig = MISSING
    path: str = MISSING
    """Folder of built samples."""
    formats: list[ExportFormat] = MISSING
    """Formats to write; the short form of export.formats."""
    output: str = MISSING
    """Folder of the exported files, a folder per format in it."""

    def __post_init__(self) -> None:
        self.formats = list(self.export.formats)


@dataclass
class TrainRoot:
    """`llavaction train`."""

    paths: PathsConfig = MISSING
    video: VideoConfig = MISSING
    mixture: MixtureConfig = MISSING
    model: ModelConfig = MISSING
    train: TrainConfig = MISSING
    lora: LoraConfig = MISSING
    deepspeed: dict[str, Any] = MISSING
    """DeepSpeed's own configuration, passed on as it is; empty for plain data parallelism."""
    evaluation: EvaluationConfig = MISSING
    """What is asked every `train.eval_every` steps."""
    output: str = MISSING
    """Run folder; the same command resumes what lies in it."""

    def __post_init__(self) -> None:
        if self.train.eval_every and not self.evaluation.tasks:
            raise ConfigError(f"train.eval_every = {self.train.eval_every} and no tasks to ask; choose evaluation=NAME")
        model = self.model
        if model.checkpoint is None and not (model.vision and model.decoder):
            raise ConfigError(
                "model.checkpoint is not set; give model.checkpoint=FOLDER, or model=NAME for a new model"
            )
        if model.checkpoint is None and model.tokenizer is None and "vocab_size" in model.decoder:
            # Its many rows are for the ids of a tokenizer that exists; one trained here would use a few of them.
            raise ConfigError("model.tokenizer is not set; a decoder with a vocab_size needs model.tokenizer=FOLDER")


@dataclass
class MergeRoot:
    """`llavaction merge`."""

    checkpoint: str = MISSING
    """Folder of an adapter: the final checkpoint of a training run with `lora`."""
    output: str = MISSING
    """Folder of the merged model, which needs neither the adapter nor its base any more."""
    base: str | None = None
    """Folder of the adapter's base, if it has moved since the training; the same weights are asked for."""
    dtype: str = "auto"
    """Type of the merged weights: float32, bfloat16 or float16; auto takes the base's."""

    def __post_init__(self) -> None:
        if self.dtype not in ("auto", "float32", "bfloat16", "float16"):
            raise ConfigError(f"dtype = {self.dtype!r}: must be auto, float32, bfloat16 or float16")


@dataclass
class ConvertRoot(ConvertConfig):
    """`llavaction convert`."""


@dataclass
class EvaluateRoot:
    """`llavaction evaluate`."""

    paths: PathsConfig = MISSING
    video: VideoConfig = MISSING
    model: CheckpointConfig = MISSING
    evaluation: EvaluationConfig = MISSING
    encoder: EncoderConfig = MISSING
    output: str = MISSING
    """Run folder of rows and metrics; the same command goes on where it was stopped."""


@dataclass
class EvaluateApiRoot:
    """`llavaction evaluate-api`.

    Of `evaluation` it has no use for batch_size, num_workers and tree_size, which are about a model on this machine;
    the frames that are shown are `api.num_frames`, not `video.num_frames`.
    """

    paths: PathsConfig = MISSING
    video: VideoConfig = MISSING
    api: ApiConfig = MISSING
    evaluation: EvaluationConfig = MISSING
    encoder: EncoderConfig = MISSING
    output: str = MISSING
    """Run folder of rows, metrics and costs; the same command goes on where it was stopped."""


@dataclass
class JudgeCaptionsRoot:
    """`llavaction judge-captions`."""

    paths: PathsConfig = MISSING
    judge: JudgeConfig = MISSING
    run: str = MISSING
    """Folder of an evaluation; the verdicts are written below it."""
    task: str = MISSING
    """Its task whose descriptions are judged, of kind caption or caption_then_answer."""


@dataclass
class ReportRoot:
    """`llavaction report`."""

    paths: PathsConfig = MISSING
    annotations: AnnotationsConfig = MISSING
    video: VideoConfig = MISSING
    report: ReportConfig = MISSING
    run: str | None = None
    """Evaluation run folder that report=run and report=compare are about; the short form of report.run."""
    other: str | None = None
    """Second run folder of report=compare; the short form of report.other."""
    output: str = MISSING
    """Folder of the tables and the pictures."""

    def __post_init__(self) -> None:
        for name in ("run", "other"):
            value = getattr(self, name)
            if value is not None and getattr(self.report, name) != value:
                raise ConfigError(f"{name}={value} does nothing in this report; choose report=run or report=compare")


@dataclass
class AuditRoot:
    """`llavaction audit`."""

    paths: PathsConfig = MISSING
    video: VideoConfig = MISSING
    audit: AuditConfig = MISSING
    output: str = MISSING
    """Folder of the page and the sheet, and then of the rates; verdicts are read against the drawing in it."""


@dataclass
class DistractorStatsRoot:
    """`llavaction distractor-stats`."""

    paths: PathsConfig = MISSING
    annotations: AnnotationsConfig = MISSING
    stats: StatsConfig = MISSING
    output: str = MISSING
    """Folder of the tables and the picture."""


@dataclass
class AttentionRoot(AttentionConfig):
    """`llavaction attention`."""

    paths: PathsConfig = MISSING
    video: VideoConfig = MISSING
    prompts: PromptsConfig = MISSING
    model: CheckpointConfig = MISSING
    output: str = MISSING
    """Folder of the figures, the tables and the pictures."""


@dataclass
class RunsRoot(RunsConfig):
    """`llavaction runs`."""


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
    kitchen_only: bool = False
    """End when the kitchen is there; for reports that make what else they need."""


ROOTS: dict[str, type] = {
    "annotate": AnnotateRoot,
    "build_sft": BuildSftRoot,
    "export": ExportRoot,
    "train": TrainRoot,
    "merge": MergeRoot,
    "convert": ConvertRoot,
    "evaluate": EvaluateRoot,
    "evaluate_api": EvaluateApiRoot,
    "judge_captions": JudgeCaptionsRoot,
    "report": ReportRoot,
    "audit": AuditRoot,
    "distractor_stats": DistractorStatsRoot,
    "attention": AttentionRoot,
    "runs": RunsRoot,
    "ask": AskRoot,
    "demo": DemoRoot,
}
"""Root by the name of its YAML file in `configs/`."""
