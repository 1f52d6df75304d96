"""Rows of two configurations must not meet in one folder: what may change when an evaluation goes on, and what not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from llavaction.utils.errors import ConfigError
from llavaction.utils.plain import plain
from llavaction.utils.runs import CONFIG_FILE

Free = Mapping[str, Collection[str]]
"""By section: fields that decide nothing about the rows."""

FREE: Free = {
    "evaluation": ("batch_size", "num_workers", "tree_size"),
    "video": ("num_frames", "max_open_readers", "max_indexed_frames", "decode_timeout_s"),
    "paths": ("annotations", "videos", "output", "sft"),  # other sections have what they refer to
}
"""What may change in any evaluation: how the same is computed."""


def refuse_other_config(root: Any, folder: Path, free: Free = FREE, hint: str = "") -> None:
    """Make sure that a folder holds no rows of another configuration than `root`.

    Args:
        hint: what else to tell who has to choose another folder.

    Raises:
        ConfigError: naming what differs.
    """
    path = folder / CONFIG_FILE
    if not path.exists():
        return
    before = _decisive(yaml.safe_load(path.read_text(encoding="utf-8")), free)
    now = _decisive(plain(asdict(root)), free)
    # A field that did not exist then and is not set now changes nothing.
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        raise ConfigError(
            f"{path} differs from this configuration in {', '.join(changed)}; its rows would be mixed with others: "
            f"choose another folder with output=FOLDER{hint}, or delete this one"
        )


def _decisive(config: dict[str, Any], free: Free) -> dict[str, Any]:
    """All that decides the rows, by section and name."""
    return {
        f"{section}.{name}": value
        for section, values in config.items()
        if isinstance(values, dict)
        for name, value in values.items()
        if name not in free.get(section, ())
    }
