"""Where the files of a sentence-embedding model lie, and which weights they are."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llavaction.text.encoders.base import Pooling
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import content_sha256, file_sha256
from llavaction.utils.jsonl import read_json

_PACKAGE = "package:"
_HASH_DIGITS = 16

# What a model is made of; a hub repository holds more (other frameworks' weights, example data).
_PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.model", "1_Pooling/config.json")

# The steps of sentence-transformers models that the encoder does itself.
_KNOWN_STEPS = {"Transformer", "Pooling", "Normalize"}


@dataclass(frozen=True)
class ModelFiles:
    """A model's folder and its short name."""

    label: str
    folder: Path

    @property
    def name(self) -> str:
        """The label with a hash of all files that decide the numbers."""
        files = sorted({path for pattern in _PATTERNS for path in self.folder.glob(pattern) if path.is_file()})
        digest = content_sha256(f"{path.relative_to(self.folder).as_posix()} {file_sha256(path)}" for path in files)
        return f"{self.label} sha256:{digest[:_HASH_DIGITS]}"

    def pooling(self) -> Pooling:
        """The pooling in `1_Pooling/config.json` (the format of sentence-transformers); mean without that file.

        Raises:
            ConfigError: when the file asks for a pooling that is not offered here.
        """
        path = self.folder / "1_Pooling" / "config.json"
        if not path.is_file():
            return Pooling.MEAN
        config = read_json(path)
        # The file has one flag per pooling, of which one is true, or says the pooling's name.
        modes = [mode for mode in Pooling if _asks_for(config, mode)]
        others = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
        if len(modes) != 1 or len(others) > 1:
            raise ConfigError(
                f"{path}: pooling is {config}, which is neither mean nor cls alone; use another model, or set "
                "encoder.pooling if you mean to differ from it"
            )
        return modes[0]

    def check_steps(self) -> None:
        """Make sure that `modules.json`, where there is one, lists nothing beyond transformer, pooling, normalising.

        Raises:
            ConfigError: when it does (a Dense layer would be left out).
        """
        path = self.folder / "modules.json"
        if not path.is_file():
            return
        unknown = {module["type"].rsplit(".", 1)[-1] for module in read_json(path)} - _KNOWN_STEPS
        if unknown:
            raise ConfigError(
                f"{path}: the model has steps that are not run here: {sorted(unknown)}; use another model"
            )


def find_model(model: str) -> ModelFiles:
    """The files of a model: `package:NAME`, a folder, or else a hub id, which is downloaded once.

    Raises:
        ConfigError: when there is no such package or folder, or it holds no model.
    """
    if model.startswith(_PACKAGE):
        package = model.removeprefix(_PACKAGE)
        return ModelFiles(package, _folder_in_package(package))
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not _is_model(folder):
            raise ConfigError(f"encoder.model={model}: the folder has no config.json beside *.safetensors weights")
        return ModelFiles(folder.resolve().name, folder)
    if folder.is_absolute() or model.startswith((".", "~")):
        raise ConfigError(f"encoder.model={model}: no such folder")
    return ModelFiles(model, _download(model))


def _folder_in_package(package: str) -> Path:
    """The one folder in an installed package that holds a model, found without importing the package."""
    # Only the parents of a dotted name would be imported; a plain name has none.
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"encoder.model={_PACKAGE}{package}: no such Python package is installed; try "
            f"`pip install {package.replace('_', '-')}`"
        )
    configs = [path for root in spec.submodule_search_locations for path in Path(root).rglob("config.json")]
    folders = sorted(path.parent for path in configs if _is_model(path.parent))
    if len(folders) != 1:
        raise ConfigError(
            f"encoder.model={_PACKAGE}{package}: expected one folder with a config.json beside *.safetensors "
            f"weights, found {len(folders)} {[str(folder) for folder in folders]}; set encoder.model=FOLDER"
        )
    return folders[0]


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def _download(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(model, allow_patterns=list(_PATTERNS)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        raise ConfigError(f"encoder.model={model}: neither a folder nor to be had from the hub ({error})") from None
    if not _is_model(folder):
        raise ConfigError(f"encoder.model={model}: the repository has no config.json beside *.safetensors weights")
    return folder


def _asks_for(config: dict[str, Any], mode: Pooling) -> bool:
    flag = {Pooling.MEAN: "pooling_mode_mean_tokens", Pooling.CLS: "pooling_mode_cls_token"}[mode]
    return config.get(flag) is True or config.get("pooling_mode") == mode.value
