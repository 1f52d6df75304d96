"""Tiny checkpoints in both formats, made on the spot."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from llavaction.cli.convert import ConversionReport, convert_checkpoint
from llavaction.model.config import ActionSupervision
from llavaction.model.public.options import ConvertConfig
from llavaction.sft.classes import ClassTable
from llavaction.testing.tiny import COUNTS, tiny_model, tiny_model_config, tiny_processor
from llavaction.utils.jsonl import read_json, write_json

CLASSES = ClassTable(
    verbs=tuple(f"verb {i}" for i in range(COUNTS.num_verbs)),
    nouns=tuple(f"noun {i}" for i in range(COUNTS.num_nouns)),
    actions=tuple(f"{i % COUNTS.num_verbs}:{i % COUNTS.num_nouns}" for i in range(COUNTS.num_actions)),
    narrations={},
)


def write_ours(folder: Path, *, tied: bool = False, **changes: Any) -> Path:
    """A checkpoint of ours with random weights."""
    shutil.copytree(_template(tied, *changes.items()) / "ours", folder)
    return folder


def write_public(folder: Path, *, tied: bool = False, **changes: Any) -> Path:
    """A public checkpoint with random weights, which has no memory of having been ours."""
    template = _template(tied, *changes.items())
    if not (template / "public").exists():
        convert(template / "ours", template / "public")
    shutil.copytree(template / "public", folder)
    return folder


def write_public_start(folder: Path, **changes: Any) -> Path:
    """A public checkpoint that has never heard of actions."""
    return write_public(folder, supervision=ActionSupervision.NONE, **changes)


@cache
def _home() -> TemporaryDirectory[str]:
    return TemporaryDirectory()


@cache
def _template(tied: bool, *changes: tuple[str, Any]) -> Path:
    """Checkpoints are made once and copied for each test."""
    folder = Path(_home().name) / str(_template.cache_info().currsize)
    model = tiny_model(decoder={**tiny_model_config().decoder, "tie_word_embeddings": tied}, **dict(changes))
    model.save_pretrained(folder / "ours")
    tiny_processor(model).save(folder / "ours")
    CLASSES.save(folder / "ours")
    return folder


def convert(source: Path, output: Path, classes: ClassTable | None = None, **options: Any) -> ConversionReport:
    """Convert with these options."""
    return convert_checkpoint(ConvertConfig(str(source), str(output), **options), classes)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """All weights in the safetensors files of a folder."""
    return {name: tensor for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}


def change_weights(folder: Path, **weights: torch.Tensor | None) -> None:
    """Replace weights in a folder's only file, or drop those that are None."""
    before = load_file(folder / "model.safetensors")
    after = {name: tensor for name, tensor in {**before, **weights}.items() if tensor is not None}
    save_file({name: tensor.clone() for name, tensor in after.items()}, folder / "model.safetensors")


def change_config(folder: Path, **fields: Any) -> None:
    """Replace fields of `config.json`, or drop those that are `...`."""
    path = folder / "config.json"
    write_json(path, {name: value for name, value in {**read_json(path), **fields}.items() if value is not ...})


def same_bytes(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights are the same, types and bits included."""
    return first.keys() == second.keys() and all(
        tensor.dtype == second[name].dtype
        and tensor.shape == second[name].shape
        and torch.equal(tensor.view(torch.uint8), second[name].view(torch.uint8))
        for name, tensor in first.items()
    )
