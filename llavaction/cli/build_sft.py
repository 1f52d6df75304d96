"""`llavaction build-sft`: annotations to samples."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from llavaction.annotations.epic_kitchens import load_annotations
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import BuildSftRoot
from llavaction.sft.build import build_sft
from llavaction.utils.logs import set_up_logging
from llavaction.utils.progress import make_progress
from llavaction.utils.runs import record_run

logger = logging.getLogger(__name__)


def main(overrides: list[str]) -> None:
    """Build the samples that `overrides` ask for."""
    run(compose_config("build_sft", overrides))


def run(root: BuildSftRoot) -> dict[str, Any]:
    """Build, record and return the manifest."""
    folder = Path(root.output)
    set_up_logging(folder)
    annotations = load_annotations(root.annotations)
    with make_progress() as progress:
        tasks: dict[str, Any] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done)

        manifest = build_sft(annotations, root.sft, root.distractors, root.prompts, folder, show)
    record_run(folder, "build-sft", resolved_yaml(root), manifest["sources"])
    for name, entry in manifest["files"].items():
        logger.info("%s: %d samples", folder / name, entry["samples"])
    return manifest
