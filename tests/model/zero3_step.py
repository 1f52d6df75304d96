"""Run by test_lean.py on two processes: a step with ZeRO-3 has the gradients of one process without it."""

import faulthandler

import deepspeed
import torch
from deepspeed.utils import safe_get_full_grad
from torch import distributed

from llavaction.model.config import LossKernel
from llavaction.testing.tiny import tiny_model
from llavaction.training.cpu import settle_on_cpu

NUM_LABELS = (5, 1)
NUM_FRAMES = (5, 1)
DEEPSPEED = {
    "train_micro_batch_size_per_gpu": 1,
    "zero_optimization": {"stage": 3, "stage3_param_persistence_threshold": 0},
    "optimizer": {"type": "SGD", "params": {"lr": 1.0}},
    "zero_allow_untested_optimizer": True,
    "zero_force_ds_cpu_optimizer": False,
}


def make_batch(model, rank):
    num_frames, num_labels = NUM_FRAMES[rank], NUM_LABELS[rank]
    ids = torch.tensor([[5, 6, *model.config.token_layout.placeholders(num_frames), 7, 8, 9, 10, 11]])
    return {
        "input_ids": ids,
        "pixel_values_videos": torch.randn(num_frames, 3, 12, 12, generator=torch.Generator().manual_seed(rank)),
        "num_frames_per_video": torch.tensor([num_frames]),
        "labels": torch.cat([torch.full_like(ids[:, :-num_labels], -100), ids[:, -num_labels:]], dim=1),
        "action_labels": torch.tensor([[1, 2, 3]]),
        "num_items_in_batch": sum(NUM_LABELS),
    }


def main():
    faulthandler.dump_traceback_later(200, exit=True)  # a process that waits for the other ends by itself
    torch.set_num_threads(1)
    settle_on_cpu(with_deepspeed=True)
    distributed.init_process_group("gloo")
    reference = tiny_model(loss_kernel=LossKernel.DENSE).train()
    for rank in range(distributed.get_world_size()):
        reference(**make_batch(reference, rank)).loss.backward()
    model = tiny_model(vision_chunk=2, loss_chunk=2).train()
    model.gradient_checkpointing_enable()
    engine, *_ = deepspeed.initialize(model=model, model_parameters=list(model.parameters()), config=DEEPSPEED)
    for _ in range(2):  # from the second step on, DeepSpeed knows which weights come when
        batch = make_batch(reference, distributed.get_rank())
        engine.backward(engine(**batch).loss * distributed.get_world_size())
        for (name, weight), expected in zip(model.named_parameters(), reference.parameters(), strict=True):
            gradient = safe_get_full_grad(weight)
            assert torch.allclose(gradient, expected.grad, rtol=1e-4, atol=1e-6), name
        engine.optimizer.zero_grad()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
