"""Checkpoints as commands are given them: folder or hub id, ours or public. Public ones are converted once and kept."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from llavaction.cli.convert import convert_checkpoint
from llavaction.model.checkpoints import CONFIG_FILE, CheckpointFormat, find_checkpoint, format_of, read_config
from llavaction.model.config import ActionSupervision, ModelConfig
from llavaction.model.public.config import read_public_config
from llavaction.model.public.options import ConvertConfig
from llavaction.sft.classes import CLASSES_FILE, ClassTable
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import content_sha256

logger = logging.getLogger(__name__)

_HASH_DIGITS = 12
# To be raised when the same checkpoint is converted into another: what was kept before is then not used any more.
_RULES = 2


def usable_checkpoint(name: str, classes: ClassTable | None = None, model: ModelConfig | None = None) -> Path:
    """The folder of a checkpoint in our format: the one named, or a conversion of it in the cache.

    Several processes may ask at once: one converts, the others wait.

    Args:
        name: folder or hub id.
        classes: what the classes of the samples at hand mean, for training and evaluation.
        model: for training: the action token that a public checkpoint gets when it has none.

    Raises:
        CheckpointError: when there is no such checkpoint, or it cannot be converted.
        ConfigError: when its classes are others.
    """
    source = find_checkpoint(name)
    # An adapter has no configuration of this kind; what is wrong with other folders is said where they are loaded.
    if not (source / CONFIG_FILE).is_file() or format_of(source) is CheckpointFormat.OURS:
        return source
    token: dict[str, Any] = {}
    has_none = read_public_config(source).supervision is ActionSupervision.NONE
    if model is not None and has_none and model.supervision is not ActionSupervision.NONE:
        token = {field: getattr(model, field) for field in ("supervision", "supervised_layers", "distillation")}
    return _kept(source, name, token, classes)


def cache_folder() -> Path:
    """Where conversions are kept: beside the hub's downloads (``HF_HOME``)."""
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "llavaction"


def _kept(source: Path, name: str, token: dict[str, Any], classes: ClassTable | None) -> Path:
    """The conversion of a public checkpoint, made now if it is not there."""
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    files = sorted(path for path in source.iterdir() if path.is_file())
    state = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    numbering = classes.numbering if token and classes is not None else ""
    key = content_sha256([str(source.resolve()), f"{_RULES} {token} {numbering}", *state])[:_HASH_DIGITS]
    label = source.resolve().name if Path(name).exists() else name.replace("/", "--")
    folder = cache_folder() / f"{label}-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(folder.with_name(f".{folder.name}.lock")):
        if not folder.exists():
            logger.info("%s is a public checkpoint; its conversion is kept in %s", name, folder)
            report = convert_checkpoint(
                ConvertConfig(source=str(source), output=str(folder), **token), classes if token else None
            )
            for line in report.lines():
                logger.info("  %s", line)
        return folder if classes is None else _with_classes(folder, classes)


def _with_classes(folder: Path, classes: ClassTable) -> Path:
    """The checkpoint in `folder` with this class table: links to all its files, and a table of its own."""
    if ClassTable.load(folder).numbering == classes.numbering:
        return folder
    fields = read_config(folder)
    heads = (fields["num_verbs"], fields["num_nouns"], fields["num_actions"])
    sizes = (len(classes.verbs), len(classes.nouns), len(classes.actions))
    if fields["supervision"] != ActionSupervision.NONE and heads != sizes:
        raise ConfigError(
            f"{folder}: its heads tell {heads} verbs, nouns and actions apart, the samples have {sizes}; build them "
            "from the annotations that it was trained on"
        )
    view = folder.with_name(f"{folder.name}-{classes.numbering[:_HASH_DIGITS]}")
    if not view.exists():
        partial = view.with_name(f".{view.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for path in folder.iterdir():
            if path.name != CLASSES_FILE:
                (partial / path.name).symlink_to(path)
        classes.save(partial)
        partial.rename(view)
    return view
