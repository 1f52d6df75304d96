"""Runs tasks over samples: sharded over processes, resumable, every question exactly once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from llavaction.evaluation.answering import Answerer, Prompt
from llavaction.evaluation.config import EvaluationConfig, TaskConfig
from llavaction.evaluation.metrics import task_metrics
from llavaction.evaluation.predictions import Row, read_rows
from llavaction.evaluation.tasks import TASKS
from llavaction.evaluation.tasks.common import Exam
from llavaction.processing.processor import Processor
from llavaction.processing.threads import share_cores
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Sample, read_samples
from llavaction.utils.errors import ConfigError, DataError, VideoError
from llavaction.utils.jsonl import dump_line, write_json, write_jsonl
from llavaction.utils.processes import num_processes, process_rank
from llavaction.utils.progress import make_progress
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig

logger = logging.getLogger(__name__)
METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class EvaluationRun:
    """A model, the videos, the tasks, and the folder for rows and metrics."""

    folder: Path
    answerer: Answerer
    video: VideoConfig
    evaluation: EvaluationConfig


def evaluate(run: EvaluationRun) -> dict[str, dict[str, float]]:
    """Answer all questions; write `rows/{task}.jsonl` and `metrics.json`; return the metrics by task.

    A run that was stopped goes on where it was, with any number of processes.

    Raises:
        ConfigError, DataError, VideoError: when inputs are missing or do not fit each other.
    """
    if not run.evaluation.tasks:
        raise ConfigError(
            "no tasks to evaluate; choose them with evaluation=NAME or +evaluation.tasks.NAME.samples=FILE"
        )
    join_processes()
    share_cores(run.evaluation.num_workers)
    metrics: dict[str, dict[str, float]] = {}
    for name, task in run.evaluation.tasks.items():
        samples = _read_task(run, name, task)
        rows = _run_task(run, name, task, samples)
        if rows is not None:
            metrics[name] = task_metrics(rows)
            logger.info("%s: %s", name, ", ".join(f"{key} {value:.4g}" for key, value in metrics[name].items()))
    if process_rank() == 0:
        write_json(run.folder / METRICS_FILE, metrics)
    wait_for_all()
    return metrics


def join_processes() -> None:
    """Meet the other processes that torchrun started; gloo, as only barriers are needed."""
    if num_processes() > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")


def wait_for_all() -> None:
    """Return when every process has come here."""
    if num_processes() > 1:
        torch.distributed.barrier()


def _read_task(run: EvaluationRun, name: str, task: TaskConfig) -> list[Sample]:
    path = Path(task.samples)
    ClassTable.load(path.parent).check_same(run.answerer.classes, f"{name}: {path}", "the checkpoint")
    return read_samples(path)[: task.limit]


def _run_task(run: EvaluationRun, name: str, task: TaskConfig, samples: list[Sample]) -> list[Row] | None:
    """Answer what is not answered yet; the first process returns all rows."""
    folder = run.folder / "rows"
    whole = folder / f"{name}.jsonl"
    done = {row.sample_id: row for path in [whole, *_parts(folder, name)] if path.exists() for row in _rows(path)}
    wait_for_all()
    todo = [sample for sample in samples if sample.sample_id not in done]
    mine = todo[process_rank() :: num_processes()]
    if mine:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{name}.part-{process_rank()}-of-{num_processes()}.jsonl"
        with part.open("a", encoding="utf-8") as file:
            for rows in _answer(run, name, task, mine):
                file.writelines(dump_line(row.to_row()) + "\n" for row in rows)
                file.flush()
    wait_for_all()
    if process_rank() != 0:
        return None
    return _merge(whole, name, samples)


def _answer(run: EvaluationRun, name: str, task: TaskConfig, samples: list[Sample]) -> Iterator[list[Row]]:
    config, processor = run.evaluation, run.answerer.processor
    exam = Exam(name, task, config, run.answerer)
    loader: DataLoader[Tensor] = DataLoader(
        ClipDataset(samples, run.video, processor),
        batch_size=config.batch_size,
        num_workers=min(config.num_workers, len(samples)),
        collate_fn=list,
    )
    with make_progress() as progress:
        bar = progress.add_task(name, total=len(samples))
        for number, clips in enumerate(loader):
            batch = samples[number * config.batch_size :][: len(clips)]
            features = run.answerer.encode(clips)
            prompts = [
                Prompt(processor.prompt_ids(sample.turns[:-1], len(clip)), feature)
                for sample, clip, feature in zip(batch, clips, features, strict=True)
            ]
            yield TASKS[task.task](exam, batch, prompts)
            progress.advance(bar, len(batch))


def _parts(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"{name}.part-*.jsonl"))


def _rows(path: Path) -> list[Row]:
    try:
        return read_rows(path)
    except DataError:
        # A killed process leaves half a line at the end of its part; that question is answered again.
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if ".part-" not in path.name or not lines or lines[-1].endswith("\n"):
            raise
        path.write_text("".join(lines[:-1]), encoding="utf-8")
        return read_rows(path)


def _merge(whole: Path, name: str, samples: Sequence[Sample]) -> list[Row]:
    """All rows in the order of the samples, each exactly once."""
    parts = _parts(whole.parent, name)
    found = [row for path in [whole, *parts] if path.exists() for row in read_rows(path)]
    by_id = {row.sample_id: row for row in found}
    missing = [sample.sample_id for sample in samples if sample.sample_id not in by_id]
    if missing or len(found) != len(samples):
        raise DataError(
            f"{whole.parent}: {len(found)} rows for {len(samples)} samples of {name}, {len(missing)} missing "
            f"(first: {missing[:1]}); rows of another run? use a new folder with output=FOLDER"
        )
    rows = [by_id[sample.sample_id] for sample in samples]
    write_jsonl(whole, (row.to_row() for row in rows))
    for part in parts:
        part.unlink()
    return rows


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
