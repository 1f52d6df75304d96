"""The samples that a run's tasks asked, for what rows do not tell: clips and where wrong options came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from llavaction.evaluation.breakdowns import check_samples, question_hashes
from llavaction.reports.answers.task_rows import TaskRows
from llavaction.sft.samples import Sample, read_samples, sample_files
from llavaction.utils.errors import DataError


class SampleFiles:
    """Files of samples by their path, each read once, as several tasks may ask the same."""

    def __init__(self) -> None:
        self._samples: dict[Path, dict[str, Sample]] = {}
        self._hashes: dict[Path, dict[str, str]] = {}

    @property
    def paths(self) -> list[Path]:
        """What was read."""
        return [file for path in self._samples for file in sample_files(path)]

    def of_task(self, task: TaskRows) -> Mapping[str, Sample]:
        """The samples that the rows of a task answer, by their id.

        Raises:
            DataError: when the run does not name their file, it is not there, or the rows answer others.
        """
        path = task.run.samples_file(task.task)
        if not sample_files(path):
            raise DataError(
                f"{path}: no such file of samples, which the run's config.yaml names as evaluation.tasks.{task.task}."
                "samples; run the report in the folder that the evaluation ran in"
            )
        if path not in self._samples:
            self._samples[path] = {sample.sample_id: sample for sample in read_samples(path)}
            self._hashes[path] = question_hashes(self._samples[path])
        try:
            check_samples(task.rows, self._samples[path], self._hashes[path])
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        return self._samples[path]
