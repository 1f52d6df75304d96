"""`llavaction build-sft`: annotations to samples."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from llavaction.annotations.epic_kitchens import load_annotations
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import BuildSftRoot
from llavaction.sft.build import build_sft
from llavaction.sft.factory import Recipe
from llavaction.sft.manifest import MANIFEST
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
    manifest = build(root, folder)
    record_run(folder, "build-sft", resolved_yaml(root), manifest["sources"])
    for name, entry in manifest["files"].items():
        logger.info("%s: %d samples", folder / name, entry["samples"])
        for topic in ("left_out", "dropped", "fallbacks", "prior", "truth_within", "replay"):
            if topic in entry:
                logger.info("  %s: %s", topic, ", ".join(f"{name} {count}" for name, count in entry[topic].items()))
    logger.info("content %s... (whole in %s)", manifest["content_sha256"][:16], MANIFEST)
    return manifest


def build(root: BuildSftRoot, folder: Path) -> dict[str, Any]:
    """Build into `folder` with a progress bar, and return the manifest."""
    annotations = load_annotations(root.annotations)
    recipe = Recipe(root.sft, root.distractors, root.prompts, root.encoder)
    with make_progress() as progress:
        tasks: dict[str, Any] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done)

        return build_sft(annotations, recipe, folder, show)
