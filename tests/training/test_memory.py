"""The reckoning of memory against what autograd keeps and what the state's arithmetic says."""

import pytest
import torch

from llavaction.testing.tiny import tiny_model
from llavaction.training.memory import Arithmetic, Split, activation_memory, state_memory
from llavaction.training.parts import count_parameters
from llavaction.training.sizes import BlockSizes, ModelSizes, model_sizes

SEVEN = ModelSizes(
    decoder=BlockSizes(28, 3584, 512, 18944),
    vision=BlockSizes(26, 1152, 0, 4304),
    vocabulary=152_064,
    patches_per_frame=729,
    num_weights=8_000_000_000,
    num_trained=8_000_000_000,
    frozen_bytes=4,
    vision_trains=True,
    vision_chunk=0,
    loss_chunk=512,
)


def kept_bytes(model, batch):
    """Bytes that a forward pass leaves for the backward pass, the weights themselves left out."""
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept = {}

    def keep(tensor):
        pointer = tensor.untyped_storage().data_ptr()
        if pointer not in weights:
            kept[pointer] = tensor  # also keeps its memory from being used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(**batch, labels=batch["input_ids"])
    assert output.loss.requires_grad
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("trains_vision", [True, False])
def test_activations_are_what_autograd_keeps(checkpointing, trains_vision):
    vision = {"hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 9, "num_attention_heads": 4}
    vision |= {"model_type": "siglip_vision_model", "image_size": 48, "patch_size": 4}
    decoder = {"model_type": "qwen2", "hidden_size": 96, "intermediate_size": 288, "num_hidden_layers": 8}
    decoder |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 4096}
    model = tiny_model(vision=vision, decoder=decoder).train()
    model.vision.requires_grad_(trains_vision)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    num_frames, num_words = 4, 300
    visual = [model.config.video_token_id] * model.config.token_layout.num_visual_tokens(num_frames)
    ids = torch.tensor([[5] * num_words + visual + [6] * num_words])
    batch = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values_videos": torch.rand(num_frames, 3, 48, 48),
        "num_frames_per_video": torch.tensor([num_frames]),
    }
    sizes = model_sizes(
        model.config,
        count_parameters(model),
        frozen_bytes=4,
        vision_trains=trains_vision,
        vision_chunk=0,
        loss_chunk=model.loss_chunk,
    )
    reckoned = activation_memory(sizes, ids.numel(), num_frames, Arithmetic.FLOAT32, checkpointing)
    kept = kept_bytes(model, batch)
    # What exists within a block or a chunk of the loss only while it is computed is reckoned, but not kept.
    passing = activation_memory(sizes, 0, 0, Arithmetic.FLOAT32, False)
    assert kept <= 1.1 * reckoned
    if not checkpointing and trains_vision:
        assert kept == pytest.approx(reckoned - passing, rel=0.2)


@pytest.mark.parametrize(
    ("split", "arithmetic", "num_processes", "bytes_per_weight"),
    [
        (Split(0), Arithmetic.FLOAT32, 1, 4 + 4 + 8),
        (Split(0), Arithmetic.FLOAT32, 2, 4 + 4 + 8 + 4),
        (Split(0), Arithmetic.AUTOCAST, 1, 4 + 4 + 8 + 2),
        (Split(1), Arithmetic.HALF, 8, 2 + 2 + 12 / 8),
        (Split(2), Arithmetic.HALF, 8, 2 + (2 + 12) / 8),
        (Split(3), Arithmetic.HALF, 8, (2 + 2 + 12) / 8),
        (Split(2, offload_optimizer=True), Arithmetic.HALF, 8, 2 + 2 / 8),
        (Split(3, offload_optimizer=True, offload_weights=True), Arithmetic.HALF, 8, 2 / 8),
    ],
)
def test_the_state_is_split_as_zero_says(split, arithmetic, num_processes, bytes_per_weight):
    state = state_memory(SEVEN, split, arithmetic, num_processes)
    shared = 0 if not split.stage else state.buffers
    assert (state.gpu - shared) / SEVEN.num_weights == pytest.approx(bytes_per_weight)
    assert shared < 5 * 2**30


def test_what_is_offloaded_lies_on_the_host():
    state = state_memory(SEVEN, Split(3, offload_optimizer=True, offload_weights=True), Arithmetic.HALF, 4)
    assert state.host / SEVEN.num_weights == pytest.approx((12 + 2 + 2) / 4)


def test_more_frames_need_more_and_checkpointing_needs_less():
    def needed(num_frames, checkpointing):
        return activation_memory(SEVEN, 210 * num_frames + 200, num_frames, Arithmetic.HALF, checkpointing)

    assert needed(16, True) < needed(32, True) < needed(64, True)
    assert needed(16, True) < needed(16, False) / 4
