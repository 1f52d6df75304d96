"""Where a checkpoint lies, and in which of two formats: ours, or the public `llava_qwen` one. No torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import CheckpointError
from llavaction.utils.jsonl import read_json

CONFIG_FILE = "config.json"
OUR_MODEL_TYPE = "llavaction"
# Public configurations say llava_qwen, llava or qwen2 as their model type; the class behind them is one.
_PUBLIC_ARCHITECTURE = "LlavaQwenForCausalLM"
_PUBLIC_MODEL_TYPE = "llava_qwen"

# Configurations and tokenizers; weights as safetensors alone.
_TEXTS = ["*.json", "*.txt", "*.jinja"]
_WEIGHTS = ["*.safetensors"]
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


class CheckpointFormat(StrEnum):
    """How weights are named and configured."""

    OURS = "ours"
    """As `llavaction train` writes it."""
    PUBLIC = "public"
    """As the public implementations of LLaVA-OneVision, LLaVA-Video and LLaVAction write it (`llava_qwen`)."""


def is_hub_id(name: str) -> bool:
    """Whether `name` is of the form ``owner/name`` and no folder here."""
    return bool(_HUB_ID.fullmatch(name)) and not Path(name).exists()


def find_checkpoint(name: str, *, with_weights: bool = True) -> Path:
    """The folder of a checkpoint: a local one, or else a hub id, which is downloaded once.

    Args:
        with_weights: whether they are downloaded too; a tokenizer needs none.

    Raises:
        CheckpointError: when there is no such folder, or the hub does not give it (``HF_HUB_OFFLINE=1`` asks the
            local cache alone).
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not is_hub_id(name):
        raise CheckpointError(f"{name}: no such folder; give a folder, or a hub id of the form owner/name")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=[*_TEXTS, *(_WEIGHTS if with_weights else ())]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"{name}: no folder of this name here, and the hub does not give it; download it where there is a "
            f"network and give its folder ({reason})"
        ) from None


def read_config(folder: Path) -> dict[str, Any]:
    """The fields of a checkpoint's `config.json`.

    Raises:
        CheckpointError: when there is none, or it is no JSON object.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise CheckpointError(f"{folder}: no checkpoint (no {CONFIG_FILE})")
    fields = read_json(path)
    if not isinstance(fields, dict):
        raise CheckpointError(f"{path}: expected a JSON object, found {type(fields).__name__}")
    return fields


def format_of(folder: Path) -> CheckpointFormat:
    """The format of a checkpoint, by its configuration.

    Raises:
        CheckpointError: when it is neither.
    """
    fields = read_config(folder)
    model_type, architectures = fields.get("model_type"), fields.get("architectures") or []
    if model_type == OUR_MODEL_TYPE:
        return CheckpointFormat.OURS
    if model_type == _PUBLIC_MODEL_TYPE or _PUBLIC_ARCHITECTURE in architectures:
        return CheckpointFormat.PUBLIC
    raise CheckpointError(
        f"{folder / CONFIG_FILE}: model_type {model_type!r} with architectures {architectures} is neither a checkpoint "
        f"of this project nor a public one ({_PUBLIC_ARCHITECTURE})"
    )
