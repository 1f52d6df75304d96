"""`llavaction verify`: does a folder of samples come out again from its sources?"""

from __future__ import annotations

import tempfile
from pathlib import Path

from llavaction.cli.build_sft import build
from llavaction.config.compose import saved_config
from llavaction.config.schema import BuildSftRoot
from llavaction.sft.manifest import read_manifest
from llavaction.sft.verify import first_difference
from llavaction.utils.console import output
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.logs import set_up_logging
from llavaction.utils.runs import CONFIG_FILE

OPTIONS = """
  FOLDER   a folder that `llavaction build-sft` wrote (needed)

It is built again, from its own config.yaml, in a temporary folder. KEY=VALUE changes what that file says, for sources
that lie elsewhere now: annotations.folder=FOLDER distractors.validation_file=FILE"""


def main(words: list[str]) -> None:
    """Say that the rebuild is equal; otherwise fail with the first difference."""
    folders = [word for word in words if "=" not in word]
    if len(folders) != 1:
        raise ConfigError(f"verify needs one folder, found {len(folders)}; see llavaction verify --help")
    run(Path(folders[0]), [word for word in words if "=" in word])


def run(folder: Path, overrides: list[str]) -> None:
    """Rebuild and compare.

    Raises:
        DataError: when the folder is no build, or a sample differs.
    """
    manifest = read_manifest(folder)
    if not (folder / CONFIG_FILE).is_file():
        raise DataError(f"{folder / CONFIG_FILE}: no such file; it says from what the samples were built")
    root: BuildSftRoot = saved_config("build_sft", folder / CONFIG_FILE, overrides)
    set_up_logging()
    with tempfile.TemporaryDirectory(prefix="llavaction-verify-") as temporary:
        build(root, Path(temporary))
        difference = first_difference(folder, Path(temporary))
    if difference is not None:
        raise DataError(f"not equal: {difference}")
    total = sum(entry["samples"] for entry in manifest["files"].values())
    output.print(f"equal: {total} samples, content {manifest['content_sha256']}", soft_wrap=True)
