"""A model with adapters: what is saved of it, and how it becomes a plain model again.

An adapter's folder is peft's own: `adapter_config.json`, and `adapter_model.safetensors` with the adapters. The parts
that were trained in full are in the same file under their own names; peft puts tensors that belong to no adapter into
the base, so that `peft.PeftModel.from_pretrained(load_model(base), folder)` is complete as well.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import peft
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel, set_seed

from llavaction.model.lora.base import Base
from llavaction.model.lora.config import LoraConfig
from llavaction.model.lora.targets import describe_targets, find_targets
from llavaction.utils.errors import CheckpointError

logger = logging.getLogger(__name__)

WEIGHTS_FILE = "adapter_model.safetensors"


class AdaptedModel(peft.PeftModel):
    """peft's model, which transformers' Trainer knows to save and resume by the two methods below."""

    def __init__(self, model: PreTrainedModel, config: peft.LoraConfig, base: Base) -> None:
        super().__init__(model, config)
        self.base_record = base

    def save_pretrained(  # type: ignore[override]
        self,
        save_directory: str | Path,
        state_dict: Mapping[str, Tensor] | None = None,
        is_main_process: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write the adapter's folder: everything that trains, and which base it belongs to.

        Args:
            state_dict: the weights, where they are not at hand in the model itself (ZeRO-3).
        """
        if not is_main_process:
            return
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.contiguous() for name, tensor in trained_tensors(self, state_dict).items()}
        save_file(tensors, folder / WEIGHTS_FILE, metadata={"format": "pt"})
        config: Any = copy.copy(self.peft_config[self.active_adapter])
        config.inference_mode = True
        config.target_modules = sorted(config.target_modules)  # a set, whose order differs between processes
        config.save_pretrained(str(folder))
        model: Any = self.get_base_model()
        model.config.save_pretrained(folder)
        self.base_record.save(folder)

    def load_adapter(self, model_id: str | Path, adapter_name: str = "default", **kwargs: Any) -> None:  # type: ignore[override]
        """Take up all that `save_pretrained` wrote, to go on training.

        Raises:
            CheckpointError: when other parts train now than when it was saved.
        """
        path = Path(model_id) / WEIGHTS_FILE
        tensors = load_file(path)
        _refuse(path, "not trained by this run", tensors.keys() - trained_tensors(self).keys())
        load_trained(self, tensors, path)


def add_lora(model: PreTrainedModel, lora: LoraConfig, base: Base, seed: int) -> AdaptedModel:
    """Put adapters on the layers of `model` that `lora` means; they compute nothing new until they are trained.

    Their weights depend on `seed` alone and are float32 whatever the base's type; everything else is frozen.
    """
    names = find_targets(model, lora.targets)
    logger.info("adapters of rank %d on %d layers: %s", lora.rank, len(names), describe_targets(names))
    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        use_dora=lora.use_dora,
        target_modules=names,
        base_model_name_or_path=str(base.folder),
    )
    set_seed(seed)
    return AdaptedModel(model, config, base)


def merge_adapter(model: PreTrainedModel, folder: Path) -> None:
    """Change the weights of `model`, a base, to those that the adapter in `folder` makes of them.

    Each layer is merged in float32 and rounded once to its own type.

    Raises:
        CheckpointError: when the adapter does not fit the model, or a merged weight is not a number.
    """
    path = folder / WEIGHTS_FILE
    adapted = peft.PeftModel(model, peft.PeftConfig.from_pretrained(str(folder)))
    load_trained(adapted, load_file(path), path)
    for name, layer in adapted.named_modules():
        if isinstance(layer, BaseTunerLayer):
            weights: Any = layer.get_base_layer()
            dtype = weights.weight.dtype
            weights.float()
            try:
                layer.merge(safe_merge=True)
            except ValueError as error:
                raise CheckpointError(f"{path}: {name}: {error}; the training went astray") from None
            weights.to(dtype)
    adapted.unload()
    model.requires_grad_(True)


def trained_tensors(model: peft.PeftModel, state: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """What an adapter's file holds: the adapters, by peft's names for them, and every other weight that trains."""
    state = model.state_dict() if state is None else state
    tensors: dict[str, Tensor] = peft.get_peft_model_state_dict(model, state, save_embedding_layers=False)
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad and ".lora_" not in name]
    return {**tensors, **{name: state[name] for name in trained}}


def load_trained(model: peft.PeftModel, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put the tensors of an adapter's file into the model.

    Raises:
        CheckpointError: when one of those that train is missing, or one is unknown or of another shape.
    """
    known = {**model.state_dict(), **trained_tensors(model)}
    _refuse(path, "missing", trained_tensors(model).keys() - tensors.keys())
    _refuse(path, "unknown to the base", tensors.keys() - known.keys())
    _refuse(path, "of another shape", {name for name in tensors if tensors[name].shape != known[name].shape})
    peft.set_peft_model_state_dict(model, dict(tensors))


def _refuse(path: Path, what: str, names: set[str]) -> None:
    if names:
        raise CheckpointError(f"{path} does not fit: {len(names)} tensors {what} (first: {min(names)})")
