"""Which questions a process answers, and which of them together. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from llavaction.evaluation.config import TaskName
from llavaction.sft.samples import Sample
from llavaction.utils.errors import ConfigError
from llavaction.utils.processes import num_processes, process_rank


@dataclass(frozen=True)
class Schedule:
    """What one process has to answer.

    Attributes:
        samples: `num_own` that count, and perhaps one behind them whose answer nobody reads.
        batches: indices into `samples`, those that are answered together.
    """

    samples: list[Sample]
    num_own: int
    batches: list[list[int]]


def make_schedule(
    samples: Sequence[Sample], answered: Collection[str], kind: TaskName, batch_size: int, *, in_step: bool
) -> Schedule:
    """This process's share of the `samples` whose ids are not among the `answered`.

    Args:
        in_step: every process gets equally many. Where ZeRO-3 splits the weights over the processes, each pass of the
            model is an exchange in which all take part, so they must make the same passes in the same order. For every
            batch a task makes the same passes, whatever the questions; `generate` goes on until all have finished.
            What is left is the number of batches: a process with an item less answers the first item too, and nobody
            reads that answer.

    Raises:
        ConfigError: when processes are to keep in step over videos of different lengths.
    """
    if kind is TaskName.SEQUENTIAL:
        if in_step:
            raise ConfigError("a task of kind sequential cannot run under ZeRO-3; evaluate the checkpoint afterwards")
        return _by_video(samples, answered, batch_size)
    todo = [sample for sample in samples if sample.sample_id not in answered]
    mine = todo[process_rank() :: num_processes()]
    most = -(-len(todo) // num_processes())
    shown = [*mine, *(todo[:1] if in_step and len(mine) < most else [])]
    starts = range(0, len(shown), batch_size)
    batches = [list(range(start, min(start + batch_size, len(shown)))) for start in starts]
    return Schedule(shown, len(mine), batches)


def _by_video(samples: Sequence[Sample], answered: Collection[str], batch_size: int) -> Schedule:
    """Whole videos, each in the order of time: a batch holds the next question of several videos."""
    videos: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        videos[sample.shown_clip.video_id].append(sample)
    mine = [videos[video_id] for video_id in sorted(videos)[process_rank() :: num_processes()]]
    todo = [sorted((s for s in of if s.sample_id not in answered), key=_order_in_time) for of in mine]
    # Longest first, so that no video is left to run alone at the end.
    columns = sorted(todo, key=len, reverse=True)
    shown: list[Sample] = []
    batches: list[list[int]] = []
    for wave in zip_longest(*columns):
        present = [sample for sample in wave if sample is not None]
        for start in range(0, len(present), batch_size):
            part = present[start : start + batch_size]
            batches.append(list(range(len(shown), len(shown) + len(part))))
            shown += part
    return Schedule(shown, len(shown), batches)


def _order_in_time(sample: Sample) -> tuple[float, float, str]:
    clip = sample.shown_clip
    return clip.start_s, clip.stop_s, sample.sample_id
