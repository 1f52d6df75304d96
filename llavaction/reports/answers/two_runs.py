"""Two runs side by side: every metric of the tasks that both have, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llavaction.evaluation.metrics import NO_CAPTION_SCORES
from llavaction.evaluation.paired import PairedComparison, compare_answers
from llavaction.reports.answers.cells import estimate_cell
from llavaction.reports.answers.task_rows import TaskRows, choose_tasks, read_task
from llavaction.reports.collect import Collected
from llavaction.reports.config import ReportConfig
from llavaction.reports.table import Cell, Table
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.progress import make_progress

P_VALUE = "p (McNemar)"
_P_DECIMALS = 4
_TESTED = ("both right", "only first", "only second", "neither", P_VALUE, "questions", "excluded")
_NOTE = "First is {0}, second {1}; the difference is second minus first, over the questions that both have answered."


def collect_comparison(config: ReportConfig) -> Collected:
    """A table for each task that `config.run` and `config.other` both have.

    Raises:
        ConfigError: when they have no task in common, or one lacks a task that is asked for.
        DataError: when one is no finished evaluation, or they did not answer the same questions.
    """
    runs = [EvaluationFolder(Path(str(folder))) for folder in (config.run, config.other)]
    for run in runs:
        run.require_finished()
    first, second = (choose_tasks(run, config.tasks) for run in runs)
    shared = [task for task in first if task in second]
    if not shared:
        raise ConfigError(
            f"{runs[0].path} and {runs[1].path} have no task in common ({', '.join(first)}; {', '.join(second)})"
        )
    only = {task: run.path for run, tasks in zip(runs, (first, second)) for task in tasks if task not in shared}
    left_out = {task: f"only {path} has rows of it" for task, path in only.items()}
    tables = {}
    with make_progress() as progress:
        for task in progress.track(shared, description="tasks"):
            both = (read_task(runs[0], task), read_task(runs[1], task))
            if any(not rows.metrics for rows in both):
                left_out[task] = NO_CAPTION_SCORES
            else:
                tables[task] = _compare(both, others=[name for name in shared if name != task])
    files = tuple(run.rows_file(task) for run in runs for task in shared)
    return Collected(tables, {}, (), files, no_tables=left_out)


def _compare(both: tuple[TaskRows, TaskRows], others: Sequence[str]) -> Table:
    """A task's table; the error of one that cannot be compared says how to compare the `others`."""
    try:
        return comparison_table(*both)
    except DataError as error:
        rest = f"; to compare the rest, report.tasks=[{','.join(others)}]" if others else ""
        raise DataError(f"{error}{rest}") from None


def comparison_table(first: TaskRows, second: TaskRows) -> Table:
    """Every metric that both runs have, side by side.

    Raises:
        DataError: when they did not answer the same questions.
    """
    files = tuple(str(task.run.rows_file(task.task)) for task in (first, second))
    metrics = [metric for metric in first.metrics if metric in second.metrics]
    if not metrics:
        raise DataError(f"{files[0]} and {files[1]}: of kinds {first.kind} and {second.kind}, without a common metric")
    names = _names(first.run, second.run)
    found = [compare_answers(first.rows, second.rows, metric, names=(files[0], files[1])) for metric in metrics]
    notes = [_NOTE.format(*names), *_other_settings(first, second, names), *_other_metrics(first, second, names)]
    return Table(
        f"{first.task}: {names[1]} against {names[0]}, percent",
        (*names, "difference", *_TESTED),
        {comparison.metric: _cells(comparison, first, second) for comparison in found},
        note=" ".join(notes),
    )


def _cells(comparison: PairedComparison, first: TaskRows, second: TaskRows) -> tuple[Cell, ...]:
    runs, number = (str(first.run.path), str(second.run.path)), comparison.num_questions
    values = [
        estimate_cell(estimate, run, num_excluded=comparison.num_excluded)
        for estimate, run in zip((comparison.first, comparison.second), runs)
    ]
    difference = estimate_cell(comparison.difference, " and ".join(runs), num_excluded=comparison.num_excluded)
    counts = comparison.right_wrong
    if counts is None:
        why = ("no counts and no test: the metric counts shares, and not right or wrong",)
        paired = [Cell(None, 0, notes=why if place == 4 else ()) for place in range(5)]
    else:
        numbers = (counts.num_both, counts.num_first_only, counts.num_second_only, counts.num_neither)
        paired = [Cell(float(value), number, is_share=False) for value in numbers]
        paired.append(Cell(counts.p_value, number, is_share=False, decimals=_P_DECIMALS))
    asked = [Cell(value, number, is_share=False) for value in (number, comparison.num_excluded)]
    return (*values, difference, *paired, *asked)


def _names(first: EvaluationFolder, second: EvaluationFolder) -> tuple[str, str]:
    """Short names that tell the runs apart."""
    return (first.name, second.name) if first.name != second.name else (str(first.path), str(second.path))


def _other_settings(first: TaskRows, second: TaskRows, names: tuple[str, str]) -> list[str]:
    """The settings in which the runs were asked differently, a sentence each."""
    mine, others = (task.run.settings(task.task, task.kind) for task in (first, second))
    differ = [setting for setting in {**mine, **others} if mine.get(setting) != others.get(setting)]
    return [f"{name} is {mine.get(name)} in {names[0]} and {others.get(name)} in {names[1]}." for name in differ]


def _other_metrics(first: TaskRows, second: TaskRows, names: tuple[str, str]) -> list[str]:
    """The metrics that only one of the runs has, as it showed options in all orders."""
    both = zip((first, second), (second, first), names)
    only = {name: [metric for metric in task.metrics if metric not in other.metrics] for task, other, name in both}
    return [f"Only {name} has {', '.join(metrics)}." for name, metrics in only.items() if metrics]
