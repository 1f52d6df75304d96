"""The answers of a run to one task, read once, and what tables and figures share of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.metrics import computable_metrics
from llavaction.evaluation.outcomes import answered_rows, kind_of, outcomes_for, video_ids
from llavaction.evaluation.predictions import Row, read_rows
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.utils.errors import ConfigError, nearest

OF_RANKINGS = ("action_top5", "num_unknown")
"""Figures of written answers that need the classes ranked by how near they are."""


@dataclass(frozen=True)
class TaskRows:
    """The rows of one task of one run.

    Attributes:
        rows: all of them; `answered` are those with an answer, which figures are about.
        videos: the video of each answered row.
    """

    run: EvaluationFolder
    task: str
    kind: TaskName
    rows: Sequence[Row]
    answered: Sequence[Row]
    videos: Sequence[str]

    @property
    def num_excluded(self) -> int:
        return len(self.rows) - len(self.answered)

    @property
    def metrics(self) -> list[str]:
        """What can be computed here."""
        metrics = computable_metrics(self.answered)
        return [metric for metric in metrics if not (self.is_unranked and metric in OF_RANKINGS)]

    @property
    def is_unranked(self) -> bool:
        """Whether rows are of an older version, which did not rank the classes that are near what was written."""
        return self.kind is TaskName.DIRECT and not any(row.top_actions for row in self.answered)

    @cached_property
    def outcomes(self) -> dict[str, np.ndarray]:
        """What each answered row counts, `[N]`, by metric; scoring descriptions takes its time."""
        counted = outcomes_for(self.answered)
        return {metric: counted[metric](self.answered) for metric in self.metrics}

    @property
    def excluded_note(self) -> str | None:
        """What a table says of questions that it is not about; None where there are none."""
        if not self.num_excluded:
            return None
        return f"{self.num_excluded:,} of {len(self.rows):,} questions have no answer and are left out."


def read_task(run: EvaluationFolder, task: str) -> TaskRows:
    """Read the rows of a task.

    Raises:
        DataError: when they are damaged, of several kinds, or none has an answer.
    """
    rows = read_rows(run.rows_file(task))
    with run.naming(task):
        answered = answered_rows(rows)
        return TaskRows(run, task, kind_of(rows), rows, answered, video_ids(answered))


def choose_tasks(run: EvaluationFolder, chosen: Sequence[str]) -> list[str]:
    """The tasks to show: all that have rows, or those `chosen`.

    Raises:
        ConfigError: when the run lacks one of them.
    """
    known = run.tasks
    for task in chosen:
        if task not in known:
            raise ConfigError(
                f"report.tasks: {run.path} has no rows of task {task!r}{nearest(task, known)} (has {', '.join(known)})"
            )
    return list(dict.fromkeys(chosen)) or known
