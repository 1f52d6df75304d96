"""The figures that a task's answers allow."""

from __future__ import annotations

from collections.abc import Iterator

from llavaction.evaluation.config import CHOICES, RANKINGS
from llavaction.reports.answers.task_rows import TaskRows
from llavaction.reports.figures.config import FigureConfig, FigureKind, Part

RELIABILITY = "reliability_{task}"


def figures_of(task: TaskRows, num_classes: int) -> Iterator[tuple[str, FigureConfig]]:
    """The figures of tasks of this kind, by the name of their file."""
    runs = {task.run.name: str(task.run.path)}
    if task.kind in CHOICES:
        title = f"{task.task}: chosen letters over all orders of the options; dashed without a bias"
        yield f"letters_{task.task}", FigureConfig(FigureKind.LETTERS, title, task=task.task, runs=runs)
        title = f"{task.task}: accuracy over confidence, by likelihood of the options"
        yield (
            RELIABILITY.format(task=task.task),
            FigureConfig(FigureKind.RELIABILITY, title, task=task.task, runs=runs),
        )
    if task.kind in RANKINGS:
        for part in Part:
            title = f"{task.task}, {part}s"
            yield (
                f"confusion_{part}s_{task.task}",
                FigureConfig(
                    FigureKind.CONFUSION, title, task=task.task, runs=runs, part=part, num_classes=num_classes
                ),
            )
