"""Whether there is an evaluation in a folder, whether it is finished, and with what settings it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from llavaction.evaluation.config import CHOICES, TaskName
from llavaction.evaluation.predictions import METRICS_FILE
from llavaction.reports.runs.folder import RunFolder, read_run
from llavaction.reports.tables.config import Setting
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.runs import CONFIG_FILE

_OF_CHOICES = {Setting.MODE: "option", Setting.ORDER: "given", Setting.LENGTH_NORMALISED: False}
"""Settings of tasks with options, and what a configuration that does not know them stood for."""


UNFINISHED = "left empty: the evaluation is not finished; its command goes on where it was stopped"


@dataclass(frozen=True)
class EvaluationFolder:
    """The folder of an evaluation."""

    path: Path

    @property
    def name(self) -> str:
        """Last part of its path, also where that is a point."""
        return self.path.resolve().name

    @property
    def is_finished(self) -> bool:
        """Whether all its questions are answered: the metrics are written last."""
        return (self.path / METRICS_FILE).is_file()

    @property
    def is_unfinished(self) -> bool:
        """Whether it was begun, and not all is answered."""
        return self.path.is_dir() and not self.is_finished

    def require_finished(self) -> None:
        """Raises: DataError, when there are no rows, or not all questions are answered; it says what to do."""
        if not (self.path / "rows").is_dir():
            raise DataError(
                f"{self.path}: no rows of an evaluation in it; run `llavaction evaluate output={self.path}` first"
            )
        if self.is_unfinished:
            raise DataError(f"{self.path}: the evaluation is not finished; its command goes on where it was stopped")

    def rows_file(self, task: str) -> Path:
        return self.path / "rows" / f"{task}.jsonl"

    @property
    def tasks(self) -> list[str]:
        """The tasks that have rows."""
        return sorted(path.stem for path in self.path.glob("rows/*.jsonl") if ".part-" not in path.name)

    @contextmanager
    def naming(self, task: str) -> Iterator[None]:
        """Errors of what looks at the rows of a task, which mostly does not know where they are from, name the file."""
        try:
            yield
        except (ConfigError, DataError) as error:
            text = str(error)
            if text.startswith(str(self.path)):
                raise
            raise type(error)(f"{self.rows_file(task)}: {text}") from None

    def samples_file(self, task: str) -> Path:
        """The samples that a task asked, as its configuration names them.

        Raises:
            DataError: when it does not say it.
        """
        samples = self._task_config(task).get("samples")
        if samples is None:
            raise DataError(f"{self.path / CONFIG_FILE}: no evaluation.tasks.{task}.samples")
        return Path(samples)

    def settings(self, task: str, kind: TaskName) -> dict[Setting, Any]:
        """How a task was asked; settings that its kind does not look at are left out.

        Raises:
            DataError: when the folder does not say it.
        """
        asked = self._task_config(task)
        found: dict[Setting, Any] = {Setting.NUM_FRAMES: self._num_frames}
        if kind in CHOICES:
            found |= {name: asked.get(name.value, old) for name, old in _OF_CHOICES.items()}
        if kind is TaskName.ALL_CLASSES:
            found[Setting.TEXT_PRIOR] = asked.get(Setting.TEXT_PRIOR.value, 0.0)
        return found

    def _task_config(self, task: str) -> Mapping[str, Any]:
        tasks = self._config.get("evaluation", {}).get("tasks", {})
        if not isinstance(tasks, Mapping) or not isinstance(tasks.get(task), Mapping):
            raise DataError(f"{self.path / CONFIG_FILE}: no evaluation.tasks.{task}, though there are rows of it")
        asked: Mapping[str, Any] = tasks[task]
        return asked

    @cached_property
    def classes(self) -> ClassTable:
        """What the ids in the rows mean.

        Raises:
            DataError: when `classes.json` is missing or damaged.
        """
        return ClassTable.load(self.path)

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
