"""`llavaction export`: built samples for other frameworks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import ExportRoot
from llavaction.sft.exports import export_samples
from llavaction.sft.exports.clips import CLIPS_FILE
from llavaction.sft.manifest import MANIFEST
from llavaction.utils.hashing import file_sha256
from llavaction.utils.logs import set_up_logging
from llavaction.utils.runs import record_run

logger = logging.getLogger(__name__)


def main(overrides: list[str]) -> None:
    """Export what `overrides` ask for."""
    run(compose_config("export", overrides))


def run(root: ExportRoot) -> dict[str, Any]:
    """Export, record and return what was written."""
    folder, output = Path(root.path), Path(root.output)
    set_up_logging(output)
    written = export_samples(folder, root.export, output)
    record_run(output, "export", resolved_yaml(root), {MANIFEST: file_sha256(folder / MANIFEST)})
    for name, num_samples in written["files"].items():
        logger.info("%s: %d samples", output / name, num_samples)
    if written["clips"]:
        logger.info("%s: %d clips to cut from the videos", output / CLIPS_FILE, written["clips"])
    return written
