"""A folder of built samples, checked against its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llavaction.annotations.epic_kitchens import Split
from llavaction.sft.manifest import MANIFEST, read_manifest
from llavaction.sft.samples import Sample, View, read_samples, sample_files
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import dump_line


@dataclass(frozen=True)
class SampleFile:
    """One `{split}_{view}.jsonl` of the folder, whole or in shards, and what the manifest says about it."""

    split: Split
    view: View
    path: Path
    num_samples: int
    content_sha256: str

    def read(self) -> list[Sample]:
        """The samples.

        Raises:
            DataError: when the file is not the one that the manifest describes.
        """
        samples = read_samples(self.path)
        found = content_sha256(dump_line(sample.to_row()) for sample in samples)
        if (len(samples), found) != (self.num_samples, self.content_sha256):
            raise DataError(
                f"{self.path}: {len(samples)} samples with content hash {found[:12]}..., but {MANIFEST} says "
                f"{self.num_samples} and {self.content_sha256[:12]}...; it was changed after the build: build again"
            )
        return samples


@dataclass(frozen=True)
class BuiltFolder:
    """The chosen sample files of a folder, in the order in which they were built, and the manifest."""

    files: tuple[SampleFile, ...]
    manifest: dict[str, Any]

    @property
    def views(self) -> list[View]:
        """The views of the files, each once."""
        return list(dict.fromkeys(file.view for file in self.files))

    @property
    def splits(self) -> list[Split]:
        """The splits of the files, each once."""
        return list(dict.fromkeys(file.split for file in self.files))

    @property
    def num_samples(self) -> int:
        """Samples in all files."""
        return sum(file.num_samples for file in self.files)


def open_folder(folder: Path, views: Sequence[View]) -> BuiltFolder:
    """The files of a built folder that show `views`; every view when none is named.

    Raises:
        ConfigError: when a view was not built.
        DataError: when the manifest is missing or does not fit the files.
    """
    manifest = read_manifest(folder)
    entries = {file_key(folder, name): (name, entry) for name, entry in manifest["files"].items()}
    built = list(dict.fromkeys(view for _, view in entries))
    for view in views:
        if view not in built:
            raise ConfigError(f"export.views names {view}, but {folder} has only {', '.join(built)}")
    chosen = views or list(View)
    _refuse_unlisted(folder, set(manifest["files"]), chosen)
    try:
        files = tuple(
            SampleFile(split, view, folder / name, int(entry["samples"]), str(entry["content_sha256"]))
            for (split, view), (name, entry) in entries.items()
            if view in chosen
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder / MANIFEST}: {type(error).__name__} in `files`: {error}; build again") from None
    if not files:
        raise DataError(f"{folder / MANIFEST}: lists no files of samples; build again")
    return BuiltFolder(files, manifest)


def file_key(folder: Path, name: str) -> tuple[Split, View]:
    """Split and view of ``{split}_{view}.jsonl``.

    Raises:
        DataError: when the name has another form.
    """
    split, _, view = name.removesuffix(".jsonl").partition("_")
    try:
        return Split(split), View(view)
    except ValueError:
        raise DataError(f"{folder / MANIFEST}: {name!r} is not a name of the form SPLIT_VIEW.jsonl") from None


def _refuse_unlisted(folder: Path, listed: set[str], views: Sequence[View]) -> None:
    """Refuse sample files that the manifest does not know, which would be left out without a word."""
    for split in Split:
        for view in views:
            name = f"{split}_{view}.jsonl"
            if name not in listed and sample_files(folder / name):
                raise DataError(
                    f"{folder / name}: {MANIFEST} does not list it; move it away, or choose other views with "
                    "export.views"
                )
