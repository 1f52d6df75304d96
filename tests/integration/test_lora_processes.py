"""Adapters on one process, two processes, DeepSpeed, and after a kill: the same losses, the same adapter."""

import json

import pytest
import torch
from safetensors.torch import load_file

from llavaction.testing.processes import run_command

pytestmark = pytest.mark.slow

TERMS = ("loss", "lm_loss", "verb_loss", "noun_loss", "action_loss", "grad_norm")
# ZeRO-3 keeps small weights whole, and gathered ones for a while, unless told otherwise; all weights are small here.
LIMITS = ("param_persistence_threshold", "max_live_parameters", "max_reuse_distance", "prefetch_bucket_size")
SPLIT_ALL = [f"+deepspeed.zero_optimization.stage3_{limit}=0" for limit in LIMITS]


@pytest.fixture(scope="module")
def lora_arguments(train_arguments, checkpoint):
    """A short run with adapters on a trained tiny model; add `output=` and what else differs."""
    return [
        *train_arguments,
        "model=checkpoint",
        f"model.checkpoint={checkpoint}",
        "lora=lora",
        "lora.targets=decoder_and_vision",
        "lora.rank=4",
        "lora.dropout=0",
        "train.lr={projector:1e-3,action:1e-3,lora:1e-3}",
    ]


@pytest.fixture(scope="module")
def alone(lora_arguments, tmp_path_factory):
    """The folder of such a run on one process."""
    folder = tmp_path_factory.mktemp("alone")
    run_command([*lora_arguments, f"output={folder}"])
    return folder


def read_metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "more",
    [[], ["deepspeed=zero2"], ["deepspeed=zero3", *SPLIT_ALL]],
    ids=["two_processes", "zero2", "zero3"],
)
def test_adapters_do_not_depend_on_the_processes(lora_arguments, alone, tmp_path, more):
    arguments = ["train.batch_size=2", "train.gradient_checkpointing=true", *more]
    run_command([*lora_arguments, f"output={tmp_path}", *arguments], num_processes=2, timeout_s=290)
    for row, other in zip(read_metrics(tmp_path), read_metrics(alone), strict=True):
        for term in TERMS:
            assert row[term] == pytest.approx(other[term], rel=1e-4), (term, row, other)
    found, expected = (load_file(folder / "checkpoint" / "adapter_model.safetensors") for folder in (tmp_path, alone))
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.allclose(found[name], tensor, atol=1e-3), name
