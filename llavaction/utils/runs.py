"""What makes a result reproducible: the resolved config, the code's commit, the data's hashes, the packages."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from llavaction.utils.jsonl import read_json, write_json, write_text

RUN_FILE = "run.json"
CONFIG_FILE = "config.yaml"
_PACKAGES = ("llavaction", "torch", "transformers", "accelerate", "deepspeed", "peft", "numpy", "av", "decord")


def git_commit() -> str | None:
    """The commit of this code, with `-dirty` when files differ from it; None outside a checkout."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        # An installed package may lie below the checkout of something else.
        return None
    try:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None


def package_versions() -> dict[str, str]:
    """Versions of the packages that decide numbers."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def record_run(folder: Path, command: str, config_yaml: str, data_hashes: Mapping[str, str], **more: Any) -> None:
    """Write `config.yaml` and `run.json` into a run folder."""
    write_text(folder / CONFIG_FILE, config_yaml)
    record = {
        "command": command,
        "arguments": sys.argv[1:],
        "git_commit": git_commit(),
        "versions": package_versions(),
        "data_sha256": dict(data_hashes),
        **more,
    }
    write_json(folder / RUN_FILE, record)


def extend_record(folder: Path, **more: Any) -> None:
    """Add what is known only later to a folder's `run.json`, where it has one."""
    path = folder / RUN_FILE
    if path.exists():
        write_json(path, {**read_json(path), **more})
