"""All figures of one task: metrics with intervals, calibration, and what stands beside them."""

from __future__ import annotations

from llavaction.evaluation.calibration import NUM_BINS, Calibration
from llavaction.evaluation.intervals import Estimate, estimate_mean
from llavaction.evaluation.metrics import NO_CAPTION_SCORES, figures_beside
from llavaction.evaluation.recognition import PARTS
from llavaction.reports.answers.cells import count_cell, estimate_cell
from llavaction.reports.answers.task_rows import OF_RANKINGS, TaskRows
from llavaction.reports.table import Cell, Table
from llavaction.reports.tables.fill import NO_SEGMENTS, RANKS_TOO_FEW
from llavaction.reports.tables.recognition import Recognition

VALUE = "value"
_CALIBRATED = f"ECE: expected calibration error, {NUM_BINS} bins. Brier score: from 0, perfect, to 2, the worst."
_RECOGNITION = {
    "top-1": "all_{part}_accuracy_at_1",
    "top-5": "all_{part}_accuracy_at_5",
    "mean class": "all_{part}_mean_class_accuracy",
    "unseen participants": "unseen_{part}_accuracy_at_1",
    "tail classes": "tail_{part}_accuracy_at_1",
}


def estimates_of(task: TaskRows) -> dict[str, Estimate]:
    """Every metric of the answered rows with its interval; equal to those of every other table."""
    return {metric: estimate_mean(values, task.videos, 0, "metric", metric) for metric, values in task.outcomes.items()}


def metrics_table(task: TaskRows, calibration: Calibration | None) -> Table:
    """All figures of a task, one below the other."""
    run, number = str(task.run.path), len(task.answered)
    rows = {
        metric: estimate_cell(estimate, run, num_excluded=task.num_excluded)
        for metric, estimate in estimates_of(task).items()
    }
    if calibration is not None:
        rows["ECE"] = Cell(calibration.ece, number, num_excluded=task.num_excluded, run=run)
        rows["Brier score"] = estimate_cell(calibration.brier, run, num_excluded=task.num_excluded, decimals=3)
    counts = {"num_questions": number, "num_excluded": task.num_excluded}
    beside = figures_beside(task.answered)
    if task.is_unranked:
        beside = {name: value for name, value in beside.items() if name not in OF_RANKINGS}
    for name, value in {**counts, **beside}.items():
        rows[name] = count_cell(value, number, run) if name.startswith("num_") else Cell(value, number, run=run)
    notes = [
        task.excluded_note,
        _CALIBRATED if calibration is not None else None,
        f"No {' and '.join(OF_RANKINGS)}: the rows are of a version that ranked no classes."
        if task.is_unranked
        else None,
        None if task.metrics else f"Only counts: {NO_CAPTION_SCORES}.",
    ]
    return Table(
        f"{task.task}: {number:,} questions of kind {task.kind}, {len(set(task.videos)):,} videos; shares in percent",
        (VALUE,),
        {name: (cell,) for name, cell in rows.items()},
        note=" ".join(note for note in notes if note) or None,
    )


def recognition_table(task: TaskRows, recognition: Recognition) -> Table:
    """EK100's metrics of recognition from the rankings of a task.

    Raises:
        DataError: when the rows are not about the segments of the split, or number their classes differently.
    """
    run = task.run.path
    figures = recognition.of_rows(task.rows, task.run.classes, str(task.run.rows_file(task.task)))

    def cell(name: str) -> Cell:
        estimate = figures[name]
        if estimate is not None:
            return estimate_cell(estimate, str(run), num_excluded=task.num_excluded)
        return Cell(None, 0, run=str(run), notes=(RANKS_TOO_FEW if name.endswith("at_5") else NO_SEGMENTS,))

    rows = {part: tuple(cell(name.format(part=part)) for name in _RECOGNITION.values()) for part in PARTS}
    title = f"{task.task}: recognition by EK100's metrics, percent"
    return Table(title, tuple(_RECOGNITION), rows, note=task.excluded_note)
