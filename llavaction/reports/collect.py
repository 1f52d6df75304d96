"""Metrics of evaluation runs into a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llavaction.evaluation.metrics import task_metrics
from llavaction.evaluation.predictions import read_rows
from llavaction.reports.config import ReportConfig
from llavaction.utils.errors import ConfigError, DataError, nearest


@dataclass(frozen=True)
class Cell:
    """A metric and the number of questions it was computed from; value None where a run has no such task.

    Shares lie between 0 and 1, counts (metrics named `num_...`) are whole numbers.
    """

    value: float | None
    num_questions: int
    is_share: bool = True


@dataclass(frozen=True)
class Table:
    """Rows of cells."""

    title: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[Cell, ...]]


def collect_table(config: ReportConfig) -> Table:
    """Compute every cell from the rows that the runs wrote.

    Raises:
        ConfigError: when a column names no metric.
        DataError: when a run folder has no rows, or the runs of one column answered different questions.
    """
    rows: dict[str, tuple[Cell, ...]] = {}
    questions: dict[str, tuple[str, frozenset[str]]] = {}
    for row_name, folder in config.rows.items():
        if not (Path(folder) / "rows").is_dir():
            raise DataError(
                f"{folder}: no rows of an evaluation in it; run `llavaction evaluate output={folder}` first"
            )
        cells = []
        for metric in config.columns.values():
            cells.append(_cell(row_name, Path(folder), metric, questions))
        rows[row_name] = tuple(cells)
    return Table(config.title, tuple(config.columns), rows)


def _cell(row_name: str, folder: Path, metric: str, questions: dict[str, tuple[str, frozenset[str]]]) -> Cell:
    task, _, name = metric.partition(".")
    path = folder / "rows" / f"{task}.jsonl"
    if not path.exists():
        return Cell(None, 0)
    rows = read_rows(path)
    ids = frozenset(row.sample_id for row in rows)
    other, expected = questions.setdefault(task, (row_name, ids))
    if ids != expected:
        raise DataError(
            f"{path}: answers {len(ids)} questions, {other!r} answered {len(expected)} and {len(ids ^ expected)} "
            "differ; cells of one column must be over the same questions"
        )
    metrics = task_metrics(rows)
    if name not in metrics:
        raise ConfigError(
            f"report column {metric!r}: no such metric{nearest(name, metrics)} (has {', '.join(metrics)})"
        )
    return Cell(metrics[name], len(rows), is_share=not name.startswith("num_"))
