"""`llavaction distractor-stats`: how good specialists are, how alike, and how hard their questions."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

from llavaction.annotations.epic_kitchens import load_annotations
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import DistractorStatsRoot
from llavaction.reports.distractor_stats.collect import DistractorStats, collect_stats
from llavaction.reports.distractor_stats.picture import draw_stats
from llavaction.reports.distractor_stats.tables import make_tables
from llavaction.reports.render import to_markdown, to_terminal
from llavaction.utils.console import output
from llavaction.utils.hashing import file_sha256
from llavaction.utils.jsonl import write_json, write_text
from llavaction.utils.logs import set_up_logging
from llavaction.utils.runs import record_run

logger = logging.getLogger(__name__)


def main(overrides: list[str]) -> None:
    """Look at what `overrides` name."""
    run(compose_config("distractor_stats", overrides))


def run(root: DistractorStatsRoot) -> DistractorStats:
    """Write `distractor_stats.md`, `.json` and `.png`; print the tables and return the figures."""
    folder = Path(root.output)
    set_up_logging(folder)
    annotations = load_annotations(root.annotations)
    stats = collect_stats(root.stats, annotations)
    tables = make_tables(stats, root.stats.ks)
    write_text(folder / "distractor_stats.md", "\n".join(to_markdown(table) for table in tables))
    write_json(folder / "distractor_stats.json", asdict(stats))
    draw_stats(stats, folder / "distractor_stats.png")
    files = [*(source.path for source in root.stats.predictions.values()), *root.stats.samples.values()]
    hashes = {**annotations.hashes, **{name: file_sha256(Path(name)) for name in files}}
    record_run(folder, "distractor-stats", resolved_yaml(root), hashes)
    logger.info("wrote %s", folder)
    for table in tables:
        output.print(to_terminal(table))
    return stats
