"""Everything that the answers of one run tell, task by task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llavaction.evaluation.config import RANKINGS
from llavaction.reports.answers.breakdown import breakdowns
from llavaction.reports.answers.figures import RELIABILITY, figures_of
from llavaction.reports.answers.metrics import metrics_table, recognition_table
from llavaction.reports.answers.samples import SampleFiles
from llavaction.reports.answers.task_rows import TaskRows, choose_tasks, read_task
from llavaction.reports.collect import Collected
from llavaction.reports.config import ReportConfig
from llavaction.reports.figures.config import FigureConfig
from llavaction.reports.figures.draw import extract_of
from llavaction.reports.table import Table
from llavaction.reports.tables.recognition import Recognition
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.utils.errors import DataError
from llavaction.utils.progress import make_progress


@dataclass
class _Found:
    """What was made so far, and why the rest was not."""

    tables: dict[str, Table] = field(default_factory=dict)
    figures: dict[str, FigureConfig] = field(default_factory=dict)
    extracts: dict[str, dict[str, Any]] = field(default_factory=dict)
    no_tables: dict[str, str] = field(default_factory=dict)
    no_figures: dict[str, str] = field(default_factory=dict)

    def add_table(self, name: str, make: Callable[[], Table]) -> None:
        try:
            self.tables[name] = make()
        except DataError as error:
            self.no_tables[name] = str(error)

    def add_figure(self, name: str, figure: FigureConfig, task: TaskRows) -> None:
        try:
            self.extracts[name] = {task.run.name: extract_of(figure)(task.rows, task.run)}
            self.figures[name] = figure
        except DataError as error:
            self.no_figures[name] = str(error)


def collect_run(config: ReportConfig, recognition: Recognition | None) -> Collected:
    """Tables and what figures take from the rows of `config.run`; every file is read once.

    Args:
        recognition: by which rankings are judged; without it there are no tables of EK100's recognition.

    Raises:
        ConfigError: when the run lacks a task that is asked for.
        DataError: when there is no finished evaluation, or its rows are damaged.
    """
    run = EvaluationFolder(Path(str(config.run)))
    run.require_finished()
    found, samples = _Found(), SampleFiles()
    tasks = choose_tasks(run, config.tasks)
    with make_progress() as progress:
        for name in progress.track(tasks, description="tasks"):
            _add_task(found, read_task(run, name), samples, config.num_classes, recognition)
    return Collected(
        tables=found.tables,
        extracts=found.extracts,
        missing=(),
        files=(*map(run.rows_file, tasks), *samples.paths),
        figures=found.figures,
        no_tables=found.no_tables,
        no_figures=found.no_figures,
    )


def _add_task(
    found: _Found, task: TaskRows, samples: SampleFiles, num_classes: int, recognition: Recognition | None
) -> None:
    for name, figure in figures_of(task, num_classes):
        found.add_figure(name, figure, task)
    calibration = found.extracts.get(RELIABILITY.format(task=task.task), {}).get(task.run.name)
    with task.run.naming(task.task):
        found.tables[task.task] = metrics_table(task, calibration)
    if recognition is not None and task.kind in RANKINGS:
        found.add_table(f"{task.task}_recognition", lambda: recognition_table(task, recognition))
    for name, make in breakdowns(task, samples, num_classes):
        found.add_table(name, make)
