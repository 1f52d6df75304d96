"""Paths made of names that come from data."""

from __future__ import annotations

from pathlib import Path

from llavaction.utils.errors import DataError


def inside(folder: Path, *names: str) -> Path:
    """Join `names` below `folder`.

    Raises:
        DataError: when a name would leave the folder (``..``, an absolute path, a separator, a NUL byte).
    """
    for name in names:
        if not name or name in {".", ".."} or any(mark in name for mark in ("/", "\\", "\0")):
            raise DataError(f"{name!r} is not a plain file name; it would leave {folder}")
    return folder.joinpath(*names)
