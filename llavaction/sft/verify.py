"""Are two builds the same? If not, what is the first difference?"""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

from llavaction.sft.classes import ClassTable
from llavaction.sft.manifest import MANIFEST, read_manifest
from llavaction.sft.samples import sample_files
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import dump_line, read_jsonl


def first_difference(folder: Path, rebuilt: Path) -> str | None:
    """What tells `folder` from a fresh build of the same config, in one line; None when nothing does.

    Samples are compared, not bytes: their order and the number of files do not matter.

    Raises:
        DataError: when one of the folders is no build, or they number their classes differently.
    """
    old, new = read_manifest(folder), read_manifest(rebuilt)
    if old["files"].keys() != new["files"].keys():
        return f"{folder} names the files {sorted(old['files'])}, the rebuild {sorted(new['files'])}"
    for name in old["files"]:
        rows, rebuilt_rows = _rows(folder, name), _rows(rebuilt, name)
        lines = [dump_line(row) for row in rows]
        if sorted(lines) != sorted(dump_line(row) for row in rebuilt_rows):
            as_written = content_sha256(lines) == old["files"][name].get("content_sha256")
            reason = _changed_sources(old, new) if as_written else " (the file is not as the build wrote it)"
            return f"{name}: {_first_sample(rows, rebuilt_rows)}{reason}"
    ClassTable.load(folder).check_same(ClassTable.load(rebuilt), str(folder), "the rebuild")
    place = _first_place(_claims(old), _claims(new), "")
    return f"{folder / MANIFEST}: {place}" if place else None


def _first_sample(rows: list[dict[str, Any]], rebuilt_rows: list[dict[str, Any]]) -> str:
    old, new = ({str(row.get("sample_id")): row for row in table} for table in (rows, rebuilt_rows))
    for sample_id in sorted({*old, *new}):
        if sample_id not in new:
            return f"sample {sample_id!r} is not in the rebuild"
        if sample_id not in old:
            return f"sample {sample_id!r} is in the rebuild alone"
        if place := _first_place(old[sample_id], new[sample_id], ""):
            return f"sample {sample_id!r} differs in {place}"
    return "a sample stands in it more than once"


def _claims(manifest: dict[str, Any]) -> dict[str, Any]:
    """What a manifest says of its samples."""
    keys = ("content_sha256", "samples")
    files = {name: {key: entry.get(key) for key in keys} for name, entry in manifest["files"].items()}
    return {"content_sha256": manifest.get("content_sha256"), "files": files}


def _first_place(old: Any, new: Any, path: str) -> str | None:
    """The first field with two values, and these."""
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(old.get(key), new.get(key), f"{path}.{key}" if path else key) for key in sorted({*old, *new})]
    elif isinstance(old, list) and isinstance(new, list):
        pairs = [(one, other, f"{path}[{at}]") for at, (one, other) in enumerate(zip_longest(old, new))]
    else:
        # To Python 3 and 3.0 are equal; to hashes of lines they are not.
        return None if old == new and type(old) is type(new) else f"{path}: {old!r}, rebuilt {new!r}"
    return next(filter(None, (_first_place(*pair) for pair in pairs)), None)


def _changed_sources(old: dict[str, Any], new: dict[str, Any]) -> str:
    """A hint at input files that are not those of the first build."""
    changed = sorted(name for name, digest in new["sources"].items() if old["sources"].get(name, digest) != digest)
    return f" (source files have changed: {', '.join(changed)})" if changed else ""


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return [row for path in sample_files(folder / name) for row in read_jsonl(path)]
