"""Frames in chunks and patches by matrix products are what transformers' tower computes in one go."""

import copy

import pytest
import torch
from torch import nn

from llavaction.model.patches import PatchEmbedding, embed_patches_by_product
from llavaction.testing.tiny import tiny_model
from tests.model.memory import peak_bytes

FRAMES = 7


@pytest.fixture
def vision():
    return tiny_model().vision


@pytest.fixture
def pixels():
    return torch.randn(FRAMES, 3, 12, 12, generator=torch.Generator().manual_seed(2))


def features_and_gradients(vision, pixels):
    vision.zero_grad(set_to_none=True)
    features = vision(pixels)
    features.square().mean().backward()
    return [features.detach(), *(weight.grad for weight in vision.parameters())]


@pytest.mark.parametrize("chunk", [1, 3, FRAMES, 100])
def test_chunks_change_nothing(vision, pixels, chunk):
    expected = features_and_gradients(vision, pixels)
    vision.chunk = chunk
    for value, other in zip(features_and_gradients(vision, pixels), expected, strict=True):
        assert torch.allclose(value, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("chunk", "passes"), [(0, [7]), (3, [3, 3, 1]), (7, [7])])
def test_frames_per_pass(vision, pixels, chunk, passes):
    seen = []
    vision.tower.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["pixel_values"]), with_kwargs=True
    )
    vision.chunk = chunk
    vision(pixels)
    assert [len(frames) for frames in seen] == passes


@pytest.mark.parametrize("most", [3, 5])
def test_processes_with_fewer_frames_run_as_often(vision, pixels, most, monkeypatch):
    """Under ZeRO-3 each pass is an exchange; passes without frames give nothing and zeros as gradients."""
    expected = features_and_gradients(vision, pixels)
    for parameter in vision.parameters():
        parameter.ds_id = 0
    monkeypatch.setattr("llavaction.model.vision.largest_over_processes", lambda number, device: max(number, most))
    calls = []
    vision.tower.register_forward_hook(lambda *_: calls.append(1))
    vision.chunk = 3
    for value, other in zip(features_and_gradients(vision, pixels), expected, strict=True):
        assert torch.allclose(value, other, rtol=1e-5, atol=1e-6)
    assert len(calls) == most


def test_a_frozen_tower_keeps_nothing(vision, pixels):
    def saved(run):
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor
        ):
            return run(), kept

    features, kept = saved(lambda: vision(pixels))
    assert features.requires_grad and len(kept) > 20
    vision.requires_grad_(False)
    features, kept = saved(lambda: vision(pixels))
    assert not features.requires_grad and kept == []


def test_chunks_of_a_frozen_tower_need_less_memory(vision):
    vision.requires_grad_(False)
    pixels = torch.randn(32, 3, 12, 12)
    at_once = peak_bytes(lambda: vision(pixels))
    vision.chunk = 2
    assert peak_bytes(lambda: vision(pixels)) < 0.3 * at_once


@pytest.mark.parametrize("chunk", [0, 2])
def test_checkpointing_reaches_the_tower_and_the_decoder(chunk, pixels):
    """Each block runs a second time in the backward pass, and the gradients are the same."""
    plain = tiny_model(vision_chunk=chunk).train()
    model = copy.deepcopy(plain)
    model.gradient_checkpointing_enable()
    runs = dict.fromkeys(("tower", "decoder"), 0)

    def count(part):
        def hook(*_):
            runs[part] += 1

        return hook

    # Inside the blocks, whose own hooks stay out of what is repeated, and before: it stops at the last thing needed.
    for part, blocks in (("tower", model.vision.tower.encoder.layers), ("decoder", model.decoder.layers)):
        for block in blocks:
            block.mlp.register_forward_pre_hook(count(part))
    layout = model.config.token_layout
    batch = {
        "input_ids": torch.tensor([[5, *layout.placeholders(FRAMES), 6, 7]]),
        "pixel_values_videos": pixels,
        "num_frames_per_video": torch.tensor([FRAMES]),
    }
    batch["labels"] = batch["input_ids"].where(batch["input_ids"] < 10, -100)
    for each in (plain, model):
        each(**batch, action_labels=torch.tensor([[1, 2, 3]])).loss.backward()
    passes = 1 if chunk == 0 else 4
    assert runs == {"tower": 2 * 2 * passes, "decoder": 2 * 2}
    for (name, ours), theirs in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-5, atol=1e-7), name


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize("side", [12, 14])  # two pixels are left over of 14
def test_patches_by_product_are_the_convolution(dtype, tolerance, side):
    convolution = nn.Conv2d(3, 32, 4, 4, padding="valid").to(dtype)
    product = copy.deepcopy(convolution)
    embed_patches_by_product(product)
    assert type(product) is PatchEmbedding and list(product.state_dict()) == ["weight", "bias"]
    frames = torch.randn(5, 3, side, side).to(dtype)
    results = []
    for each in (convolution, product):
        features = each(frames)
        features.float().square().mean().backward()
        results.append((features, each.weight.grad, each.bias.grad))
    for value, other in zip(*results, strict=True):
        assert value.shape == other.shape and value.dtype == other.dtype
        assert (value - other).float().norm() <= tolerance * other.float().norm()


def test_the_tower_embeds_its_patches_by_product(vision):
    embedding = vision.tower.embeddings.patch_embedding
    assert type(embedding) is PatchEmbedding
    assert {"tower.embeddings.patch_embedding.weight", "tower.embeddings.patch_embedding.bias"} <= set(
        vision.state_dict()
    )


@pytest.mark.parametrize(
    "changes",
    [{"stride": 2}, {"padding": 1}, {"kernel_size": (4, 2), "stride": (4, 2)}, {"dilation": 2}, {"groups": 3}],
    ids=str,
)
def test_other_convolutions_stay(changes):
    convolution = nn.Conv2d(**{"in_channels": 3, "out_channels": 6, "kernel_size": 4, "stride": 4, **changes})
    embed_patches_by_product(convolution)
    assert type(convolution) is nn.Conv2d
