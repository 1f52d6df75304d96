"""All figures of a report: what each takes from rows, and how it is drawn."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from llavaction.reports.collect import Collected
from llavaction.reports.config import ReportConfig
from llavaction.reports.figures.bars import check_column, draw_bars, shown_cells
from llavaction.reports.figures.config import FROM_ROWS, FROM_TABLES, FigureConfig, FigureKind
from llavaction.reports.figures.confusion import count_confusions, draw_confusions
from llavaction.reports.figures.letters import count_letters, draw_letters
from llavaction.reports.figures.over_k import draw_over_k, numbers_of
from llavaction.reports.figures.reliability import calibrate_run, draw_reliability
from llavaction.reports.tables.facts import Extract

_DRAW_ROWS = {
    FigureKind.LETTERS: draw_letters,
    FigureKind.RELIABILITY: draw_reliability,
    FigureKind.CONFUSION: draw_confusions,
}


def check_figures(config: ReportConfig) -> None:
    """Make sure that figures can be drawn from their tables, before anything is read or run.

    Raises:
        ConfigError: when one asks for a column that its table has not, or cannot be drawn over the columns.
    """
    for figure in config.figures.values():
        if figure.kind is FigureKind.BARS:
            check_column(figure, config.all_tables[str(figure.table)].columns)
        elif figure.kind is FigureKind.OVER_K:
            numbers_of(figure, config.all_tables[str(figure.table)])


def extracts_of(config: ReportConfig) -> dict[str, Extract]:
    """What each figure takes from the rows of its runs, by its name."""
    return {name: extract_of(figure) for name, figure in config.figures.items() if figure.kind in FROM_ROWS}


def draw_figures(config: ReportConfig, collected: Collected, folder: Path) -> dict[str, str]:
    """Write `NAME.png` for each figure that there is something to draw for; why the others are left out, by name.

    A picture of an earlier report is removed where its figure is left out now.
    """
    left_out = dict(collected.no_figures)
    for name in left_out:
        (folder / f"{name}.png").unlink(missing_ok=True)
    for name, figure in collected.figures.items():
        path = folder / f"{name}.png"
        if figure.kind in FROM_TABLES:
            reason = _draw_table(config, figure, collected, path)
        else:
            reason = _draw_rows(figure, collected.extracts[name], path)
        if reason is not None:
            left_out[name] = reason
            path.unlink(missing_ok=True)
    return left_out


def extract_of(figure: FigureConfig) -> Extract:
    """What a figure of `FROM_ROWS` takes from the rows of a run."""
    if figure.kind is FigureKind.LETTERS:
        return count_letters
    if figure.kind is FigureKind.RELIABILITY:
        return calibrate_run
    return partial(count_confusions, part=figure.part, num_classes=figure.num_classes)


def _draw_table(config: ReportConfig, figure: FigureConfig, collected: Collected, path: Path) -> str | None:
    table = collected.tables[str(figure.table)]
    if figure.kind is FigureKind.BARS:
        cells = shown_cells(figure, table)
        is_empty = all(cell.value is None for cell in cells.values())
    else:
        numbers = numbers_of(figure, config.all_tables[str(figure.table)])
        is_empty = all(cell.value is None for row in table.rows.values() for cell in row)
    if is_empty:
        return f"no run fills table {figure.table!r}"
    if figure.kind is FigureKind.BARS:
        draw_bars(figure.title, cells, path)
    else:
        draw_over_k(figure.title, numbers, table, path)
    return None


def _draw_rows(figure: FigureConfig, found: dict[str, object], path: Path) -> str | None:
    if not found:
        return f"no finished run among {', '.join(figure.runs.values())} has rows of task {figure.task!r}"
    _DRAW_ROWS[figure.kind](figure.title, found, path)  # type: ignore[operator]
    return None
