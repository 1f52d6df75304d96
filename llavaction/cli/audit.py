"""`llavaction audit`: are distractors really wrong? Draws questions for a person to judge, and reads the verdicts."""

from __future__ import annotations

import logging
from pathlib import Path

from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import AuditRoot
from llavaction.reports.audit.drawing import Drawing, make_drawing, read_drawn
from llavaction.reports.audit.frames import load_strip
from llavaction.reports.audit.page import render_page
from llavaction.reports.audit.render import to_markdown, to_terminal
from llavaction.reports.audit.result import summarise
from llavaction.reports.audit.sheet import blank_rows, read_sheet, to_csv
from llavaction.reports.audit.verdicts import read_raters
from llavaction.utils.console import output
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.jsonl import write_json, write_text
from llavaction.utils.logs import set_up_logging
from llavaction.utils.progress import make_progress
from llavaction.utils.runs import record_run
from llavaction.video.clip import ClipLoader

logger = logging.getLogger(__name__)

PAGE, SHEET = "audit.html", "audit.csv"
NO_VIDEOS = "."
"""Folder of videos in `configs/audit.yaml` where paths.videos is not set."""


def main(overrides: list[str]) -> None:
    """Draw questions or read verdicts, as `overrides` ask for."""
    run(compose_config("audit", overrides))


def run(root: AuditRoot) -> None:
    """Write `audit.html` and `audit.csv`; with verdicts, write `audit.json` and `audit.md` and print the table.

    Raises:
        ConfigError: when neither samples nor verdicts are given.
    """
    if root.audit.verdicts:
        _read_verdicts(root)
    elif root.audit.samples:
        _draw(root)
    else:
        raise ConfigError(
            "nothing to audit; draw questions with audit.samples=FILE, or read filled sheets with audit.verdicts=FILE"
        )


def _draw(root: AuditRoot) -> None:
    folder, config = Path(root.output), root.audit
    _refuse_filled(folder / SHEET)
    drawing, questions = make_drawing(config)
    set_up_logging(folder)
    if len(questions) < config.num_questions:
        logger.warning("drew all %d questions; %d were asked for", len(questions), config.num_questions)
    clips = None if root.video.folder == NO_VIDEOS else ClipLoader(root.video)
    strips = []
    with make_progress() as progress:
        for question in progress.track(questions, description="frames"):
            strip = load_strip(question.sample, clips, config.num_frames, config.frame_side)
            strips.append(strip)
            if strip.note and clips is not None:
                logger.warning("%s: no frames: %s", question.sample.sample_id, strip.note)
    write_text(folder / PAGE, render_page(questions, strips))
    write_text(folder / SHEET, to_csv(blank_rows(questions)))
    drawing.save(folder)
    record_run(folder, "audit", resolved_yaml(root), drawing.samples_sha256)
    logger.info("open %s in a browser, or fill %s; then", folder / PAGE, folder / SHEET)
    logger.info("$ llavaction audit audit.verdicts=FILLED.csv output=%s", folder)


def _read_verdicts(root: AuditRoot) -> None:
    folder, config = Path(root.output), root.audit
    drawing = Drawing.load(folder)
    questions = read_drawn(drawing, config.samples)
    raters = read_raters(config.verdicts, questions)
    set_up_logging(folder)
    result = summarise(questions, raters, drawing.draw, config.seed)
    write_json(folder / "audit.json", result.to_json())
    write_text(folder / "audit.md", to_markdown(result))
    hashes = {path: file_sha256(Path(path)) for path in [*(config.samples or drawing.samples_sha256), *config.verdicts]}
    record_run(folder, "audit", resolved_yaml(root), hashes)
    logger.info("wrote %s", folder / "audit.md")
    output.print(to_terminal(result))


def _refuse_filled(sheet: Path) -> None:
    """Keep a person's work: a sheet with verdicts is not written over.

    Raises:
        ConfigError: when there is such a sheet.
    """
    if sheet.is_file() and any(row.verdict is not None or row.comment for row in read_sheet(sheet)):
        raise ConfigError(f"{sheet} is filled in already; draw into another folder with output=FOLDER")
