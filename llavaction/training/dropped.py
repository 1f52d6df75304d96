"""Samples that a run goes without because their videos are bad (`train.bad_video=drop`)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llavaction.processing.batch import Skipped
from llavaction.utils.errors import VideoError
from llavaction.utils.jsonl import dump_line, read_jsonl, write_jsonl
from llavaction.utils.processes import process_rank

logger = logging.getLogger(__name__)

DROPPED_FILE = "dropped.jsonl"
"""In the run folder; a line for each time that a sample was due and left out."""

NUM_NAMED = 5
"""Samples that the error names."""


class DroppedSamples(TrainerCallback):
    """Lists every dropped sample, and ends the run when there are too many different ones.

    Every process is told of the samples that all of them dropped; the first one writes.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """`limit`: different samples that may be dropped in the whole run."""
        self._path = path
        self._limit = limit
        self._reasons: dict[str, str] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Go on from the list of a run that was stopped, without the steps that come again."""
        rows: list[dict[str, Any]] = []
        if process_rank() == 0 and self._path.exists():
            rows = [row for row in read_jsonl(self._path) if row["step"] <= state.global_step]
            write_jsonl(self._path, rows)
        # Other machines need not see the folder of the first.
        rows = broadcast_object_list([rows])[0]
        self._reasons = {row["sample_id"]: row["reason"] for row in rows}

    @property
    def num_dropped(self) -> int:
        """Different samples dropped so far, by all processes and before a resume too."""
        return len(self._reasons)

    def add(self, step: int, skipped: Sequence[Skipped]) -> None:
        """Note what the step goes without.

        Raises:
            VideoError: when the run has lost more samples than it may.
        """
        if process_rank() == 0:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(dump_line({**vars(sample), "step": step}) + "\n" for sample in skipped)
            for sample in skipped:
                logger.warning("step %d goes without sample %r: %s", step, sample.sample_id, sample.reason)
        self._reasons |= {sample.sample_id: sample.reason for sample in skipped}
        if len(self._reasons) > self._limit:
            named = "; ".join(f"{name!r}: {reason}" for name, reason in list(self._reasons.items())[:NUM_NAMED])
            raise VideoError(
                f"step {step}: {len(self._reasons)} samples have bad videos, train.max_dropped = {self._limit} may be "
                f"dropped; all are listed in {self._path}; the first: {named}. Repair the videos, or leave their "
                "samples out with mixture.videos_report"
            )
