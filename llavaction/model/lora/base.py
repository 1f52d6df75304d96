"""The saved model that an adapter belongs to. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llavaction.utils.errors import CheckpointError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.jsonl import read_json, write_json

BASE_FILE = "base.json"
ADAPTER_CONFIG = "adapter_config.json"
"""Has its name from peft; a folder that holds it is an adapter's."""


@dataclass(frozen=True)
class Base:
    """A saved model and what its weights are.

    Attributes:
        folder: where it lies.
        sha256: hash of each weight file, by name.
    """

    folder: Path
    sha256: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path) -> Base:
        """The saved model in `folder`; reads all its weights."""
        files = sorted(folder.glob("*.safetensors"))
        return cls(folder.resolve(), {file.name: file_sha256(file) for file in files})

    def save(self, folder: Path) -> None:
        """Write it into an adapter's folder."""
        write_json(folder / BASE_FILE, {"folder": str(self.folder), "sha256": dict(self.sha256)})


def is_adapter(folder: Path) -> bool:
    """Whether `folder` holds an adapter instead of a whole model."""
    return (folder / ADAPTER_CONFIG).is_file()


def base_of(adapter: Path, moved_to: Path | None = None) -> Path:
    """Folder of the base that an adapter was trained on.

    Args:
        moved_to: where the base lies now; where it lay in training when None.

    Raises:
        CheckpointError: when the base is gone, or its weights are not those that the adapter was trained on.
    """
    record = adapter / BASE_FILE
    if not record.is_file():
        raise CheckpointError(
            f"{record} is missing: it says which weights this adapter belongs to; copy it from the run"
        )
    saved = read_json(record)
    folder = moved_to or Path(saved["folder"])
    if not folder.is_dir():
        raise CheckpointError(
            f"{adapter}: its base {folder} is not here; set 'folder' in {BASE_FILE} to where it lies now, "
            "or merge the two with `llavaction merge base=FOLDER`"
        )
    found = Base.of(folder).sha256
    differing = [name for name in {**saved["sha256"], **found} if saved["sha256"].get(name) != found.get(name)]
    if differing:
        raise CheckpointError(
            f"{adapter}: the weights in {folder} are not those that it was trained on ({', '.join(sorted(differing))} "
            f"differs from the hash in {BASE_FILE}); its numbers would mean nothing there"
        )
    return folder
