"""`llavaction report`: evaluation runs to a table and a picture."""

from __future__ import annotations

import logging
from pathlib import Path

from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import ReportRoot
from llavaction.reports.collect import Table, collect_table
from llavaction.reports.gallery import draw_gallery
from llavaction.reports.render import to_json, to_markdown, to_terminal
from llavaction.utils.console import output
from llavaction.utils.errors import ConfigError
from llavaction.utils.jsonl import write_json, write_text
from llavaction.utils.logs import set_up_logging
from llavaction.utils.runs import record_run

logger = logging.getLogger(__name__)


def main(overrides: list[str]) -> None:
    """Report what `overrides` ask for."""
    run(compose_config("report", overrides))


def run(root: ReportRoot) -> Table:
    """Write `results.md`, `results.json` and `gallery.png`; print and return the table."""
    if not root.report.rows or not root.report.columns:
        raise ConfigError("the report has no rows or columns; choose one with report=NAME, or +report.rows.NAME=FOLDER")
    folder = Path(root.output)
    set_up_logging(folder)
    table = collect_table(root.report)
    write_text(folder / "results.md", to_markdown(table))
    write_json(folder / "results.json", to_json(table))
    if root.report.gallery.task is not None:
        draw_gallery(root.report.gallery, root.report.rows, root.video, folder / "gallery.png")
    record_run(folder, "report", resolved_yaml(root), {})
    logger.info("wrote %s", folder)
    output.print(to_terminal(table))
    return table
