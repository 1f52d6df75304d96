"""Without a GPU, DeepSpeed is used where it is asked for and nowhere else."""

import os

import deepspeed.ops
import pytest

from llavaction.training.cpu import settle_on_cpu


@pytest.mark.parametrize("with_deepspeed", [False, True])
def test_accelerate_may_start_deepspeed_where_it_is_configured(monkeypatch, with_deepspeed):
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(deepspeed.ops, "__compatible_ops__", {"deepspeed_shm_comm": True}, raising=False)
    settle_on_cpu(with_deepspeed)
    assert os.environ["DS_ACCELERATOR"] == "cpu"
    assert ("ACCELERATE_USE_CPU" in os.environ) == (not with_deepspeed)
    assert deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] == (not with_deepspeed)
