"""`llavaction report`: evaluation runs to tables and figures, after the commands that make them, where it has some.

One run alone (report=run) and two side by side (report=compare) need nothing but their rows.
"""

from __future__ import annotations

import logging
from pathlib import Path

from llavaction.annotations.epic_kitchens import load_annotations
from llavaction.cli.steps import run_steps
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import ReportRoot
from llavaction.reports.answers.one_run import collect_run
from llavaction.reports.answers.two_runs import collect_comparison
from llavaction.reports.collect import Collected, check_report, collect
from llavaction.reports.config import ReportConfig, ReportKind
from llavaction.reports.figures.draw import check_figures, draw_figures, extracts_of
from llavaction.reports.gallery import draw_gallery
from llavaction.reports.latex import to_latex
from llavaction.reports.render import to_json, to_markdown, to_terminal
from llavaction.reports.tables.recognition import Recognition
from llavaction.reports.tidy import to_csv
from llavaction.utils.console import output
from llavaction.utils.garbage import paused_collector
from llavaction.utils.hashing import file_sha256
from llavaction.utils.jsonl import write_json, write_text
from llavaction.utils.logs import set_up_logging
from llavaction.utils.runs import record_run

logger = logging.getLogger(__name__)

NO_FOLDER = "."
"""Folder of annotations in `configs/report.yaml` where paths.annotations is not set."""


def main(overrides: list[str]) -> None:
    """Report what `overrides` ask for."""
    run(compose_config("report", overrides))


def run(root: ReportRoot) -> Collected:
    """Write `results.md`, `.tex`, `.csv` and `.json`, and a PNG for each figure; print and return the tables.

    Raises:
        ConfigError: when there is nothing to report, or a step, a cell or a figure names what does not exist.
        DataError: when runs of one table cannot be compared, or one that must be there is missing.
    """
    root.report.check_said()
    check_report(root.report)
    check_figures(root.report)
    folder = Path(root.output)
    set_up_logging(folder)
    run_steps(root.report.all_steps, folder)
    recognition, hashes = _recognition(root)
    with paused_collector():
        collected = _collect(root.report, recognition)
    left_out = draw_figures(root.report, collected, folder)
    _write_tables(folder, collected, left_out)
    if root.report.gallery.task is not None:
        draw_gallery(root.report.gallery, root.report.rows, root.video, folder / "gallery.png")
    hashes |= {str(path): file_sha256(path) for path in collected.files}
    record_run(folder, "report", resolved_yaml(root), hashes, figures_left_out=left_out)
    for table in collected.tables.values():
        output.print(to_terminal(table))
        output.print()
    for kind, reasons in (("table", collected.no_tables), ("figure", left_out)):
        for name, reason in reasons.items():
            logger.info("no %s %s: %s", kind, name, reason)
    if collected.missing:
        logger.info("%d runs are not there; %s lists them", len(collected.missing), folder / "results.md")
    logger.info("wrote %s", folder)
    return collected


def _collect(config: ReportConfig, recognition: Recognition | None) -> Collected:
    if config.kind is ReportKind.RUN:
        return collect_run(config, recognition)
    if config.kind is ReportKind.COMPARE:
        return collect_comparison(config)
    return collect(config, recognition, extracts_of(config))


def _recognition(root: ReportRoot) -> tuple[Recognition | None, dict[str, str]]:
    """By which rankings are judged, and the hashes of the annotation files; nothing without annotations.

    Two runs are compared by the metrics of their tasks alone.
    """
    if root.annotations.folder == NO_FOLDER or root.report.kind is ReportKind.COMPARE:
        return None, {}
    annotations = load_annotations(root.annotations)
    return Recognition.of(annotations), dict(annotations.hashes)


def _write_tables(folder: Path, collected: Collected, left_out: dict[str, str]) -> None:
    tables = collected.tables
    gaps = _gaps(collected, left_out)
    below = ["\n".join(["## Left out", "", *(f"- {gap}" for gap in gaps)]) + "\n"] if gaps else []
    write_text(folder / "results.md", "\n".join([*map(to_markdown, tables.values()), *below]))
    write_text(folder / "results.tex", "\n".join(to_latex(name, table) for name, table in tables.items()))
    write_text(folder / "results.csv", to_csv(tables))
    write_json(folder / "results.json", {name: to_json(table) for name, table in tables.items()})


def _gaps(collected: Collected, left_out: dict[str, str]) -> list[str]:
    """What is not in the tables and figures, and why."""
    gaps = [f"table {name}: {reason}" for name, reason in collected.no_tables.items()]
    gaps += [f"figure {name}: {reason}" for name, reason in left_out.items()]
    return [*gaps, *(f"cells of {run}: no such run" for run in collected.missing)]
