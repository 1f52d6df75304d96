"""From what is known of rows to the cells of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from llavaction.evaluation.intervals import Estimate
from llavaction.evaluation.ranks import LARGEST_K
from llavaction.reports.table import Cell, Table
from llavaction.reports.tables.cells import CellSource, Place
from llavaction.reports.tables.config import TableConfig
from llavaction.reports.tables.facts import TaskFacts
from llavaction.reports.tables.recognition import Figures, is_recognition
from llavaction.reports.tables.reported import ReportedFigures
from llavaction.reports.tables.run_state import UNFINISHED, EvaluationFolder
from llavaction.utils.errors import ConfigError

NO_ANNOTATIONS = "left empty: needs the annotations, paths.annotations=FOLDER"
RANKS_TOO_FEW = f"left empty: the rows rank fewer than {LARGEST_K} classes"
NO_SEGMENTS = "left empty: no such segments"


@dataclass(frozen=True)
class Known:
    """Everything that cells are made of.

    Attributes:
        facts: of the rows that are there.
        files: figures of files of predictions; None without annotations.
    """

    facts: Mapping[Place, TaskFacts]
    files: Mapping[Path, Figures] | None
    reported: ReportedFigures

    def facts_of(self, cell: CellSource) -> TaskFacts | None:
        return None if cell.place is None else self.facts.get(cell.place)


def fill_table(config: TableConfig, cells: Sequence[CellSource], known: Known) -> Table:
    """The table of these cells.

    Raises:
        ConfigError: when a cell names no reported figure, or no metric of a file of predictions.
    """
    shown = {(cell.row, cell.column): _fill(cell, known) for cell in cells}
    return Table(
        config.title,
        tuple(config.columns),
        {name: tuple(shown[name, column] for column in config.columns) for name in config.rows},
        row_notes={name: row.note for name, row in config.rows.items() if row.note is not None},
        bounds=frozenset(name for name, row in config.rows.items() if row.is_bound),
        note=config.note,
        source=known.reported.source if any(cell.reported is not None for cell in shown.values()) else None,
    )


def _fill(cell: CellSource, known: Known) -> Cell:
    """One cell; an empty one says why, where that can be mended."""
    origin = cell.run or cell.predictions
    facts = known.facts_of(cell)
    empty = Cell(
        None,
        0,
        reported=None if cell.reported is None else known.reported.share(cell.reported),
        run=None if origin is None else str(origin),
    )
    if cell.predictions is None and facts is None:
        is_begun = cell.run is not None and EvaluationFolder(cell.run).is_unfinished
        return replace(empty, notes=(UNFINISHED,)) if is_begun else empty
    value = _value(cell, facts, known)
    if value is None:
        return replace(empty, notes=(_why_empty(cell, known),))
    excluded = facts.num_excluded if facts is not None else 0
    full = replace(empty, num_excluded=excluded, notes=(_left_out(facts),) if facts is not None and excluded else ())
    if isinstance(value, Estimate):
        return replace(
            full,
            value=value.value,
            num_questions=value.num_rows,
            low=value.low,
            high=value.high,
            num_videos=value.num_clusters,
        )
    assert facts is not None
    is_share = not str(cell.metric).startswith("num_")
    return replace(full, value=value, num_questions=facts.num_rows - excluded, is_share=is_share)


def _value(cell: CellSource, facts: TaskFacts | None, known: Known) -> Estimate | float | None:
    """What a cell shows, from its rows or its file of predictions; None without annotations.

    Raises:
        ConfigError: when a file of predictions has no such figure.
    """
    metric = str(cell.metric)
    if facts is not None:
        return facts.values[metric]
    assert cell.predictions is not None
    if not is_recognition(metric):
        raise ConfigError(
            f"{cell}: {cell.predictions} is a file of predictions, and {metric!r} is no metric of recognition"
        )
    return None if known.files is None else known.files[cell.predictions][metric]


def _why_empty(cell: CellSource, known: Known) -> str:
    if known.files is None:
        return NO_ANNOTATIONS
    return RANKS_TOO_FEW if str(cell.metric).endswith(f"at_{LARGEST_K}") else NO_SEGMENTS


def _left_out(facts: TaskFacts) -> str:
    return f"{facts.num_excluded} of {facts.num_rows} questions have no answer and are left out"
