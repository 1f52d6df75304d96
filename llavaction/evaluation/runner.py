"""Runs tasks over questions: sharded over processes, resumable, every question exactly once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from llavaction.evaluation.answering import Answerer
from llavaction.evaluation.clips import ClipDataset, Loaded, make_loader
from llavaction.evaluation.config import EvaluationConfig, TaskName
from llavaction.evaluation.grading import Grader
from llavaction.evaluation.metrics import task_metrics
from llavaction.evaluation.predictions import METRICS_FILE, Row
from llavaction.evaluation.processes import from_first, wait_for_all
from llavaction.evaluation.questions import Questions, words_of
from llavaction.evaluation.row_files import RowFiles
from llavaction.evaluation.schedule import Schedule, make_schedule
from llavaction.evaluation.tasks import TASKS
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.model.partitioned import is_partitioned
from llavaction.sft.nearest_classes import NearestClasses
from llavaction.sft.samples import Sample
from llavaction.text.encoders import EncoderConfig, make_encoder
from llavaction.utils.jsonl import write_json
from llavaction.utils.processes import process_rank
from llavaction.utils.progress import make_progress
from llavaction.video.layout import VideoConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationRun:
    """A model, the videos, the tasks with their questions, and the folder for rows and metrics.

    Attributes:
        encoder: of texts, which finds the classes of answers in the model's own words.
    """

    folder: Path
    answerer: Answerer
    video: VideoConfig
    evaluation: EvaluationConfig
    questions: Questions
    encoder: EncoderConfig = field(default_factory=EncoderConfig)


def evaluate(run: EvaluationRun) -> dict[str, dict[str, float]]:
    """Answer all questions; write `rows/{task}.jsonl` and `metrics.json`; return the metrics by task, in each process.

    A run that was stopped goes on where it was, with any number of processes. Several must have joined before.

    Raises:
        ConfigError, DataError, VideoError: when inputs are missing or do not fit each other.
    """
    metrics = {name: _run_task(run, name) for name in run.questions}
    if process_rank() == 0:
        write_json(run.folder / METRICS_FILE, metrics)
    wait_for_all()
    return metrics


def _run_task(run: EvaluationRun, name: str) -> dict[str, float]:
    """Answer what is not answered yet; the metrics of all rows."""
    files, samples, config = RowFiles(run.folder / "rows", name), run.questions[name], run.evaluation
    answered = from_first(lambda: files.answered(samples))
    kind = config.tasks[name].task
    schedule = make_schedule(samples, answered, kind, config.batch_size, in_step=is_partitioned(run.answerer.model))
    if schedule.samples:
        files.write(_answer(run, _exam(run, name, answered), schedule))
    wait_for_all()
    metrics = from_first(lambda: task_metrics(files.merge(samples)))
    logger.info("%s: %s", name, ", ".join(f"{key} {value:.4g}" for key, value in metrics.items()))
    return metrics


def _exam(run: EvaluationRun, name: str, answered: dict[str, Row]) -> Exam:
    task, classes = run.evaluation.tasks[name], run.answerer.classes
    needs_texts = task.task is TaskName.DIRECT
    return Exam(
        Grader(name, task, classes),
        run.evaluation,
        run.answerer,
        words_of(Path(task.samples)),
        NearestClasses(make_encoder(run.encoder), classes) if needs_texts else None,
        {row.segment_id: row for row in answered.values()},
    )


def _answer(run: EvaluationRun, exam: Exam, schedule: Schedule) -> Iterator[list[Row]]:
    config = run.evaluation
    clips = ClipDataset(schedule.samples, run.video, run.answerer.processor, config.bad_video, config.num_frames)
    with make_progress() as progress:
        bar = progress.add_task(exam.grader.name, total=schedule.num_own)
        for batch, loaded in zip(schedule.batches, make_loader(clips, schedule, config.num_workers), strict=True):
            rows = _rows(exam, [schedule.samples[idx] for idx in batch], loaded)
            yield [row for idx, row in zip(batch, rows, strict=True) if idx < schedule.num_own]
            progress.advance(bar, len(batch))


def _rows(exam: Exam, samples: Sequence[Sample], loaded: Sequence[Loaded]) -> list[Row]:
    """The rows of a batch, with the time that each step took for each of them."""
    answerer = exam.answerer
    start = time.perf_counter()
    features = answerer.encode([clip.pixels for clip in loaded])
    _finish(answerer)
    encoded = time.perf_counter()
    clips = [Clip(of, len(clip.pixels)) for of, clip in zip(features, loaded, strict=True)]
    rows = TASKS[exam.task.task](exam, samples, clips)
    each = {"encode": (encoded - start) / len(rows), "answer": (time.perf_counter() - encoded) / len(rows)}
    timed = []
    for row, sample, clip in zip(rows, samples, loaded, strict=True):
        if clip.problem is not None:
            # Answered along with the others, as processes may have to keep in step; nobody reads it.
            row = exam.grader.row(sample, excluded=clip.problem)
            exam.history[row.segment_id] = row
        seconds = {"load": clip.seconds, **each}
        timed.append(replace(row, seconds={step: round(value, 6) for step, value in seconds.items()}))
    return timed


def _finish(answerer: Answerer) -> None:
    """Wait for a GPU, whose work goes on behind the clock's back."""
    if answerer.model.device.type == "cuda":
        torch.cuda.synchronize(answerer.model.device)
