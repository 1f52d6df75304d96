"""Where each cell of a table comes from, with what it leaves out taken from its row and its column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llavaction.reports.tables.config import CellConfig, TableConfig
from llavaction.utils.errors import ConfigError

Place = tuple[Path, str]
"""A run folder and a task: rows that cells and figures are made of."""


@dataclass(frozen=True)
class CellSource:
    """A cell by its table's name, its row and its column, and what it shows.

    Attributes:
        run, task: the evaluation run folder and the task whose rows are read; None where the cell has no run.
        predictions: file of ranked predictions instead.
        metric: what is computed; None where there is nothing to compute it from.
        reported: key of the paper's figure.
    """

    table: str
    row: str
    column: str
    run: Path | None
    task: str | None
    predictions: Path | None
    metric: str | None
    reported: str | None

    @property
    def place(self) -> Place | None:
        """Whose rows it needs; None where it has no run."""
        return None if self.run is None or self.task is None else (self.run, self.task)

    def __str__(self) -> str:
        return f"table {self.table!r}, row {self.row!r}, column {self.column!r}"


def cells_of(name: str, table: TableConfig) -> Iterator[CellSource]:
    """All cells, row by row.

    Raises:
        ConfigError: when one has a run but no task or metric.
    """
    for row_name, row in table.rows.items():
        for column_name, column in table.columns.items():
            own = row.cells.get(column_name, CellConfig())
            run = own.run or row.run
            cell = CellSource(
                table=name,
                row=row_name,
                column=column_name,
                run=None if run is None else Path(run),
                task=own.task or row.task or column.task,
                predictions=None if row.predictions is None else Path(row.predictions),
                metric=own.metric or row.metric or column.metric,
                reported=own.reported,
            )
            _check(cell)
            yield cell


def _check(cell: CellSource) -> None:
    if cell.run is not None and (cell.task is None or cell.metric is None):
        missing = "task" if cell.task is None else "metric"
        raise ConfigError(f"{cell}: has a run and no {missing}; say the {missing} in the cell, its row or its column")
    if cell.predictions is not None and cell.metric is None:
        raise ConfigError(f"{cell}: has a file of predictions and no metric; say it in the cell, its row or its column")
