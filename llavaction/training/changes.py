"""What differs between a run and the one that it goes on from: refused where it changes what is computed. No torch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from llavaction.training.checkpoint_folders import newest_checkpoint
from llavaction.training.config import CHECKPOINT
from llavaction.utils.errors import ConfigError
from llavaction.utils.jsonl import read_json
from llavaction.utils.runs import CONFIG_FILE, RUN_FILE, git_commit, package_versions

logger = logging.getLogger(__name__)

FREE = (
    "output",
    "paths",
    # Samples and questions are compared by what they are, wherever their files lie.
    "mixture",
    "evaluation",
    "video.folder",
    "video.video_info",
    "video.max_indexed_frames",
    "video.max_open_readers",
    "video.max_indexed_frames",
    "video.decode_timeout_s",
    # How the same is computed.
    "model.attention",
    "model.compile",
    "model.loss_chunk",
    "model.loss_kernel",
    "model.vision_chunk",
    "train.gradient_checkpointing",
    "deepspeed.zero_optimization",
    # How a step's samples are dealt out; their number stays.
    "train.batch_size",
    "train.gradient_accumulation",
    "deepspeed.train_micro_batch_size_per_gpu",
    "deepspeed.gradient_accumulation_steps",
    # What may go wrong.
    "train.bad_video",
    "train.max_dropped",
    "train.max_length",
    "video.decode_timeout_s",
    # What happens beside the steps.
    "train.dry_run",
    "train.eval_every",
    "train.keep_best_by",
    "train.keep_checkpoints",
    "train.log_every",
    "train.num_workers",
    "train.peak_tflops",
    "train.plan",
    "train.profile",
    "train.save_every",
    "train.tensorboard",
    "train.wandb",
)
"""Keys, or beginnings of keys, that a run may change when it goes on."""
BOUND = ("deepspeed.zero_optimization.stage",)
"""Exceptions from them."""
_NUM_NAMED = 10
_UNSET = "(not set)"


def check_continuation(folder: Path, config_yaml: str) -> bool:
    """Whether a run goes on from a checkpoint in its folder, and may.

    Differences that it may have are logged.

    Args:
        folder: the run's, not yet written to by this process.
        config_yaml: the configuration now.

    Raises:
        ConfigError: when the run is finished, or its configuration would change what it computes.
        CheckpointError: see `Progress.load`.
    """
    final = folder / CHECKPOINT
    if final.exists():
        raise ConfigError(f"{final} exists: this run is finished; choose another folder with output=FOLDER")
    newest = newest_checkpoint(folder)
    if newest is None:
        return False
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ConfigError(
            f"{path} is missing, so what {newest.folder} was trained with is not known; choose another folder with "
            "output=FOLDER"
        )
    changes = differences(yaml.safe_load(path.read_text(encoding="utf-8")), yaml.safe_load(config_yaml))
    refused = [f"{key} = {old}, now {new}" for key, (old, new) in changes.items() if not is_free(key)]
    if refused:
        more = f"; and {len(refused) - _NUM_NAMED} more" if len(refused) > _NUM_NAMED else ""
        raise ConfigError(
            f"the run in {folder} goes on from {newest.folder.name} and cannot change what it computes: "
            f"{'; '.join(refused[:_NUM_NAMED])}{more}. Set them as they were, or choose another folder with "
            "output=FOLDER"
        )
    for key, (old, new) in changes.items():
        logger.info("the run goes on with %s = %s instead of %s", key, new, old)
    _tell_versions(folder)
    return True


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Old and new value of each key of two configurations that differs, by its dotted name."""
    old, new = _flat(before), _flat(now)
    return {
        key: (old.get(key, _UNSET), new.get(key, _UNSET))
        for key in sorted({*old, *new})
        if old.get(key, _UNSET) != new.get(key, _UNSET)
    }


def is_free(key: str) -> bool:
    """Whether a run may change this key when it goes on."""
    return _begins(key, FREE) and not _begins(key, BOUND)


def _begins(key: str, names: tuple[str, ...]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _tell_versions(folder: Path) -> None:
    """Other versions may compute other last digits."""
    path = folder / RUN_FILE
    if not path.is_file():
        return
    before = read_json(path)
    old = {**before["versions"], "git commit": before["git_commit"]}
    new = {**package_versions(), "git commit": git_commit()}
    for name, (was, now) in differences(old, new).items():
        logger.warning("the run goes on with %s %s instead of %s", name, now, was)
