"""Whether there is an evaluation in a folder, whether it is finished, and with what settings it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from llavaction.evaluation.config import CHOICES, TaskName
from llavaction.evaluation.predictions import METRICS_FILE
from llavaction.reports.runs.folder import RunFolder, read_run
from llavaction.reports.tables.config import Setting
from llavaction.utils.errors import DataError
from llavaction.utils.runs import CONFIG_FILE

_OF_CHOICES = {Setting.MODE: "option", Setting.ORDER: "given", Setting.LENGTH_NORMALISED: False}
"""Settings of tasks with options, and what a configuration that does not know them stood for."""


UNFINISHED = "left empty: the evaluation is not finished; its command goes on where it was stopped"


@dataclass(frozen=True)
class EvaluationFolder:
    """The folder of an evaluation."""

    path: Path

    @property
    def is_finished(self) -> bool:
        """Whether all its questions are answered: the metrics are written last."""
        return (self.path / METRICS_FILE).is_file()

    @property
    def is_unfinished(self) -> bool:
        """Whether it was begun, and not all is answered."""
        return self.path.is_dir() and not self.is_finished

    def rows_file(self, task: str) -> Path:
        return self.path / "rows" / f"{task}.jsonl"

    @property
    def tasks(self) -> list[str]:
        """The tasks that have rows."""
        return sorted(path.stem for path in self.path.glob("rows/*.jsonl") if ".part-" not in path.name)

    def settings(self, task: str, kind: TaskName) -> dict[Setting, Any]:
        """How a task was asked; settings that its kind does not look at are left out.

        Raises:
            DataError: when the folder does not say it.
        """
        tasks = self._config.get("evaluation", {}).get("tasks", {})
        if not isinstance(tasks, Mapping) or not isinstance(tasks.get(task), Mapping):
            raise DataError(f"{self.path / CONFIG_FILE}: no evaluation.tasks.{task}, though there are rows of it")
        found: dict[Setting, Any] = {Setting.NUM_FRAMES: self._num_frames}
        if kind in CHOICES:
            found |= {name: tasks[task].get(name.value, old) for name, old in _OF_CHOICES.items()}
        if kind is TaskName.ALL_CLASSES:
            found[Setting.TEXT_PRIOR] = tasks[task].get(Setting.TEXT_PRIOR.value, 0.0)
        return found

    @property
    def _num_frames(self) -> Any:
        """Frames of each clip: of the checkpoint, whose number the record tells; of an API, its own section has it."""
        if "num_frames" in self._run.record:
            return self._run.record["num_frames"]
        section = "api" if "api" in self._config else "video"
        number = self._config.get(section, {}).get("num_frames")
        if number is None:
            raise DataError(f"{self.path / CONFIG_FILE}: no {section}.num_frames; not the folder of an evaluation")
        return number

    @cached_property
    def _run(self) -> RunFolder:
        return read_run(self.path)

    @cached_property
    def _config(self) -> dict[str, Any]:
        return self._run.config()
