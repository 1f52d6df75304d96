"""Four validation segments of a small film, the questions about them, and a model that answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llavaction.annotations.epic_kitchens import Split
from llavaction.evaluation.config import EvaluationConfig, MqaMode, TaskConfig, TaskName
from llavaction.evaluation.contestants.config import ApiConfig, ApiPrompt
from llavaction.evaluation.contestants.run import ContestRun, Evaluation
from llavaction.evaluation.predictions import Row, read_rows
from llavaction.evaluation.questions import read_questions
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample, View, read_samples
from llavaction.text.encoders import EncoderConfig
from llavaction.video.layout import VideoConfig
from tests.api.server import Answer, Asked
from tests.api.worlds import DEFAULTS, KEY, write_video
from tests.sft.small_build import build_small, write_clip_annotations

VIDEO = "P02_07"
NUM_QUESTIONS = 4
PROMPT = ApiPrompt("test", 3, "Frames in order.", "One letter.", "Two words.", "Two times.", "In short.")
MODEL = "tiny-vlm"
VIEWS = [View.MQA, View.TEMPORAL_ORDER, View.CANDIDATES, View.DIRECT, View.TEMPORAL_DETECTION, View.CAPTION]
FILES = {
    TaskName.MQA: View.MQA,
    TaskName.CAPTION_THEN_ANSWER: View.MQA,
    TaskName.SEQUENTIAL: View.TEMPORAL_ORDER,
    TaskName.TWO_STAGE: View.CANDIDATES,
    TaskName.DIRECT: View.DIRECT,
    TaskName.TEMPORAL_DETECTION: View.TEMPORAL_DETECTION,
    TaskName.CAPTION: View.CAPTION,
}


@dataclass(frozen=True)
class World:
    """Where samples and videos lie."""

    sft: Path
    video: VideoConfig

    def samples(self, kind: TaskName) -> list[Sample]:
        """The questions of a kind."""
        return read_samples(self.sft / f"validation_{FILES[kind]}.jsonl")


def build_world(folder: Path) -> World:
    """Build samples of all views from miniature annotations, and film them."""
    words = write_clip_annotations(folder, *(f"{VIDEO}_{number}" for number in range(NUM_QUESTIONS)))
    views = {"views": VIEWS, "splits": [Split.VALIDATION], "num_candidates": 6}
    build_small(folder, "specialist", clip_annotations=[words], **views)
    return World(folder / "sft", write_video(folder / "videos", seconds=30, video_id=VIDEO))


def task_of(world: World, kind: TaskName, **fields: Any) -> TaskConfig:
    """A task of this kind, answered in words."""
    if "mode" not in fields and kind in list(FILES)[:4]:
        fields["mode"] = MqaMode.GENERATE
    return TaskConfig(task=kind, samples=str(world.sft / f"validation_{FILES[kind]}.jsonl"), **fields)


def make_api(folder: Path, base_url: str = "http://127.0.0.1:9/v1", **fields: Any) -> ApiConfig:
    """Settings whose cache lies in `folder`."""
    options = {**DEFAULTS, "prompt": PROMPT, "cache": str(folder / "cache"), "num_frames": 3}
    return ApiConfig(base_url=base_url, model=MODEL, **{**options, **fields})


def open_run(
    world: World,
    folder: Path,
    api: ApiConfig,
    tasks: Mapping[str, TaskConfig],
    *,
    video: VideoConfig | None = None,
    **fields: Any,
) -> Evaluation:
    """An evaluation whose rows come into `folder / "run"`."""
    config, classes = EvaluationConfig(tasks=dict(tasks), **fields), ClassTable.load(world.sft)
    questions = read_questions(config, classes, "the test")
    encoder = EncoderConfig()
    return Evaluation(ContestRun(folder / "run", api, video or world.video, config, questions, classes, encoder))


def rows_of(folder: Path, name: str) -> list[Row]:
    """The rows that a run wrote."""
    return read_rows(folder / "run" / "rows" / f"{name}.jsonl")


def options_in(text: str) -> dict[str, str]:
    """The letters of a question and their options."""
    return dict(re.findall(r"^([A-Z])\. (.+)$", text, re.MULTILINE))


def choose_last(asked: Asked) -> Answer:
    """The last option by its letter."""
    letter, option = list(options_in(asked.text).items())[-1]
    return Answer(f"{letter}. {option}")


__all__ = ["KEY", "MODEL", "NUM_QUESTIONS", "PROMPT", "World", "make_api", "open_run", "rows_of", "task_of"]
