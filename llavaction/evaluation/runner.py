"""Runs tasks over questions: sharded over processes, resumable, every question exactly once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from llavaction.evaluation.answering import Answerer, Prompt
from llavaction.evaluation.config import EvaluationConfig
from llavaction.evaluation.metrics import task_metrics
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.processes import Share, from_first, share_out, wait_for_all
from llavaction.evaluation.questions import Questions
from llavaction.evaluation.row_files import RowFiles
from llavaction.evaluation.tasks import TASKS
from llavaction.evaluation.tasks.common import Exam
from llavaction.model.partitioned import is_partitioned
from llavaction.processing.processor import Processor
from llavaction.sft.samples import Sample
from llavaction.utils.errors import VideoError
from llavaction.utils.jsonl import write_json
from llavaction.utils.processes import heed_parent_only, process_rank
from llavaction.utils.progress import make_progress
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig

logger = logging.getLogger(__name__)
METRICS_FILE = "metrics.json"
"""Written last: an evaluation with this file is finished."""


@dataclass(frozen=True)
class EvaluationRun:
    """A model, the videos, the tasks with their questions, and the folder for rows and metrics."""

    folder: Path
    answerer: Answerer
    video: VideoConfig
    evaluation: EvaluationConfig
    questions: Questions


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
    files, samples = RowFiles(run.folder / "rows", name), run.questions[name]
    answered = from_first(files.answered)
    todo = [sample for sample in samples if sample.sample_id not in answered]
    share = share_out(todo, in_step=is_partitioned(run.answerer.model))
    if share.items:
        files.write(_answer(run, name, share))
    wait_for_all()
    metrics = from_first(lambda: task_metrics(files.merge(samples)))
    logger.info("%s: %s", name, ", ".join(f"{key} {value:.4g}" for key, value in metrics.items()))
    return metrics


def _answer(run: EvaluationRun, name: str, share: Share[Sample]) -> Iterator[list[Row]]:
    config, processor, samples = run.evaluation, run.answerer.processor, share.items
    task = config.tasks[name]
    exam = Exam(name, task, config, run.answerer)
    loader: DataLoader[Tensor] = DataLoader(
        ClipDataset(samples, run.video, processor),
        batch_size=config.batch_size,
        num_workers=min(config.num_workers, len(samples)),
        collate_fn=list,
        worker_init_fn=_start_worker,
    )
    with make_progress() as progress:
        bar = progress.add_task(name, total=len(samples))
        for number, clips in enumerate(loader):
            start = number * config.batch_size
            batch = samples[start:][: len(clips)]
            features = run.answerer.encode(clips)
            prompts = [
                Prompt(processor.prompt_ids(sample.turns[:-1], len(clip)), feature)
                for sample, clip, feature in zip(batch, clips, features, strict=True)
            ]
            yield TASKS[task.task](exam, batch, prompts)[: share.num_own - start]
            progress.advance(bar, len(batch))


def _start_worker(worker_id: int) -> None:
    # A run that is told to stop while it trains first ends this evaluation, and saves.
    heed_parent_only()


class ClipDataset(Dataset[Tensor]):
    """Pixels `[T, 3, R, R]` of each sample's clip, frames at the middles of equal parts."""

    def __init__(self, samples: Sequence[Sample], video: VideoConfig, processor: Processor) -> None:
        self._samples = samples
        self._clips = ClipLoader(video)
        self._processor = processor

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, item: int) -> Tensor:
        sample = self._samples[item]
        clip, num_frames = sample.shown_clip, self._processor.config.num_frames
        try:
            loaded = self._clips.load(
                clip.video_id, clip.start_s, clip.stop_s, segment_id=sample.segment_id, num_frames=num_frames
            )
        except VideoError as error:
            raise VideoError(f"sample {sample.sample_id!r}: {error}") from error
        return self._processor.pixels(loaded.frames)
