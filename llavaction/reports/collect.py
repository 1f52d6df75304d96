"""Evaluation runs into tables and what figures need; every rows file is read once."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llavaction.reports.config import ReportConfig
from llavaction.reports.figures.config import FigureConfig
from llavaction.reports.table import Cell, Table
from llavaction.reports.tables.cells import CellSource, Place, cells_of
from llavaction.reports.tables.checks import KnownCell, check_table
from llavaction.reports.tables.facts import Extract, TaskFacts, read_facts
from llavaction.reports.tables.fill import Known, fill_table
from llavaction.reports.tables.recognition import Figures, Recognition
from llavaction.reports.tables.reported import PACKAGED, ReportedFigures, read_reported
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.utils.progress import make_progress

__all__ = ["Cell", "Collected", "Table", "check_report", "collect"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collected:
    """What a report shows.

    Attributes:
        tables: by name.
        extracts: by figure and by the name of its run what `Extract` took; runs without rows are left out.
        missing: run folders that cells name and that are not there.
        files: what was read: rows, predictions, samples.
        figures: what is to be drawn, by name.
        no_tables, no_figures: those that cannot be made from the answers of a run, by name, and why.
    """

    tables: dict[str, Table]
    extracts: dict[str, dict[str, Any]]
    missing: tuple[Path, ...]
    files: tuple[Path, ...]
    figures: Mapping[str, FigureConfig] = field(default_factory=dict)
    no_tables: Mapping[str, str] = field(default_factory=dict)
    no_figures: Mapping[str, str] = field(default_factory=dict)


def check_report(config: ReportConfig) -> None:
    """Make sure that every cell says what it needs, before anything is read or run.

    Raises:
        ConfigError: when a cell has a run and no task or metric, or names no reported figure.
    """
    reported = _read_reported(config)
    for name, table in config.all_tables.items():
        for cell in cells_of(name, table):
            if cell.reported is not None:
                reported.share(cell.reported)


def collect(
    config: ReportConfig, recognition: Recognition | None = None, extracts: Mapping[str, Extract] | None = None
) -> Collected:
    """Compute every cell from the rows that the runs wrote.

    Args:
        recognition: by which rankings are judged; without it, cells of EK100's recognition are empty.
        extracts: what a figure of `config` takes from rows, by its name.

    Raises:
        ConfigError: when a cell names no metric or no reported figure, or runs of different settings stand in one
            table.
        DataError: when a run that must be there is missing, or the runs of one column answered different questions.
    """
    reported = _read_reported(config)
    cells = {name: list(cells_of(name, table)) for name, table in config.all_tables.items()}
    every = [cell for of_table in cells.values() for cell in of_table]
    for name, table in config.all_tables.items():
        if table.all_runs:
            _require_runs(cells[name])
    extracts = extracts or {}
    facts = _read_rows(config, every, recognition, extracts)
    known = Known(facts, _read_predictions(every, recognition), reported)
    tables = {}
    for name, table in config.all_tables.items():
        there = [KnownCell(cell, of) for cell in cells[name] if (of := known.facts_of(cell)) is not None]
        check_table(name, table, there)
        if not table.all_runs:
            _warn_of_idle_columns(cells[name], known)
        tables[name] = fill_table(table, cells[name], known)
    folders = dict.fromkeys(cell.run for cell in every if cell.run is not None)
    missing = tuple(folder for folder in folders if not folder.is_dir())
    files = (*(of.run.rows_file(of.task) for of in facts.values()), *(known.files or ()))
    taken = {name: _taken(config, name, facts) for name in extracts}
    return Collected(tables, taken, missing, files, figures=config.figures)


def _read_reported(config: ReportConfig) -> ReportedFigures:
    return read_reported(Path(config.reported) if config.reported else PACKAGED)


def _require_runs(cells: Sequence[CellSource]) -> None:
    for folder in dict.fromkeys(cell.run for cell in cells if cell.run is not None):
        EvaluationFolder(folder).require_finished()


def _read_rows(
    config: ReportConfig,
    cells: Sequence[CellSource],
    recognition: Recognition | None,
    extracts: Mapping[str, Extract],
) -> dict[Place, TaskFacts]:
    """The facts of every task that cells or figures are about and that has rows."""
    metrics: defaultdict[Place, set[str]] = defaultdict(set)
    for cell in cells:
        if cell.place is not None and cell.metric is not None:
            metrics[cell.place].add(cell.metric)
    wanted: defaultdict[Place, dict[str, Extract]] = defaultdict(dict)
    for name, extract in extracts.items():
        for place in _places(config, name).values():
            wanted[place][name] = extract
    found = {}
    with make_progress() as progress:
        for folder, task in progress.track(list(dict.fromkeys([*metrics, *wanted])), description="rows"):
            run, place = EvaluationFolder(folder), (folder, task)
            if run.is_finished and run.rows_file(task).is_file():
                found[place] = read_facts(run, task, metrics[place], recognition, wanted[place])
    return found


def _read_predictions(cells: Sequence[CellSource], recognition: Recognition | None) -> dict[Path, Figures] | None:
    if recognition is None:
        return None
    paths = dict.fromkeys(cell.predictions for cell in cells if cell.predictions is not None)
    return {path: recognition.of_file(path) for path in paths}


def _places(config: ReportConfig, figure: str) -> dict[str, Place]:
    """The rows that a figure shows, by the name of the run."""
    of = config.figures[figure]
    return {name: (Path(folder), str(of.task)) for name, folder in of.runs.items()}


def _taken(config: ReportConfig, figure: str, facts: Mapping[Place, TaskFacts]) -> dict[str, Any]:
    return {name: facts[place].extracts[figure] for name, place in _places(config, figure).items() if place in facts}


def _warn_of_idle_columns(cells: Sequence[CellSource], known: Known) -> None:
    """A task that none of a column's finished runs has is most likely mistyped."""
    by_column: defaultdict[str, list[CellSource]] = defaultdict(list)
    for cell in cells:
        if cell.run is not None and EvaluationFolder(cell.run).is_finished:
            by_column[cell.column].append(cell)
    for of_column in by_column.values():
        first = of_column[0]
        if first.run is not None and not any(known.facts_of(cell) for cell in of_column):
            tasks = ", ".join(EvaluationFolder(first.run).tasks) or "no task"
            logger.warning("%s: no run has rows of task %r; %s has %s", first, first.task, first.run, tasks)
