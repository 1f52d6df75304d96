"""The clips of questions, loaded by worker processes while the model answers.

T frames, R resolution.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from llavaction.evaluation.config import BadVideo
from llavaction.evaluation.schedule import Schedule
from llavaction.processing.processor import Processor
from llavaction.sft.samples import Sample
from llavaction.utils.errors import VideoError
from llavaction.utils.processes import heed_parent_only
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig


@dataclass(frozen=True)
class Loaded:
    """Pixels of a clip.

    Attributes:
        pixels: uint8 `[T, 3, R, R]`; black where the video cannot be shown.
        problem: why it cannot.
        seconds: that loading took.
    """

    pixels: Tensor
    problem: str | None
    seconds: float


class ClipDataset(Dataset[Loaded]):
    """Each sample's clip, frames at the middles of equal parts."""

    def __init__(
        self,
        samples: Sequence[Sample],
        video: VideoConfig,
        processor: Processor,
        bad: BadVideo,
        num_frames: int | None = None,
    ) -> None:
        """`num_frames`: of each clip; None for as many as the processor has."""
        self._samples = samples
        self._clips = ClipLoader(video)
        self._processor = processor
        self._bad = bad
        self._num_frames = num_frames or processor.config.num_frames

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, item: int) -> Loaded:
        start, sample = time.perf_counter(), self._samples[item]
        clip, side = sample.shown_clip, self._processor.config.resolution
        try:
            loaded = self._clips.load(
                clip.video_id, clip.start_s, clip.stop_s, segment_id=sample.segment_id, num_frames=self._num_frames
            )
        except VideoError as error:
            if self._bad is BadVideo.FAIL:
                raise VideoError(
                    f"sample {sample.sample_id!r}: {error}; or report such questions: evaluation.bad_video=exclude"
                ) from error
            black = torch.zeros((self._num_frames, 3, side, side), dtype=torch.uint8)
            return Loaded(black, str(error), time.perf_counter() - start)
        return Loaded(self._processor.pixels(loaded.frames), None, time.perf_counter() - start)


def make_loader(clips: Dataset[Loaded], schedule: Schedule, num_workers: int) -> DataLoader[Loaded]:
    """The clips of each batch of a schedule, in its order."""
    return DataLoader(
        clips,
        batch_sampler=schedule.batches,
        num_workers=min(num_workers, len(schedule.batches)),
        collate_fn=list,
        worker_init_fn=_start_worker,
    )


def _start_worker(worker_id: int) -> None:
    # A run that is told to stop while it trains first ends this evaluation, and saves.
    heed_parent_only()
