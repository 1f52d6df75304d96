"""Operations of a step, beside those that torch counts while it runs."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from llavaction.model.build import new_model
from llavaction.model.config import LossKernel
from llavaction.model.lora.adapted import add_lora
from llavaction.model.lora.base import Base
from llavaction.model.lora.config import LoraConfig, LoraTargets
from llavaction.processing.batch import model_arguments
from llavaction.testing.tiny import COUNTS, tiny_model, tiny_model_config
from llavaction.training.config import Part
from llavaction.training.flops import ModelFlops, Workload, peak_tflops
from llavaction.training.parts import freeze_parts
from tests.training.batches import NUM_LABELS, make_batch

FROZEN = [
    [],
    [Part.PROJECTOR],
    [Part.VISION, Part.PROJECTOR],
    [Part.DECODER],
    [Part.VISION, Part.PROJECTOR, Part.DECODER],
]


@pytest.fixture
def model():
    """With products that torch's counter sees: no fused attention, and scores of the loss computed once."""
    config = tiny_model_config(attention="eager", loss_kernel=LossKernel.DENSE)
    return new_model(config, COUNTS, num_token_ids=300, eos_token_id=1, pad_token_id=0, seed=0).train()


def counted(model, batch):
    """What torch counts in a forward pass, and in a step."""
    with FlopCounterMode(display=False) as counter:
        loss = model(**model_arguments(batch)).loss
        forward = counter.get_total_flops()
        loss.backward()
    return forward, counter.get_total_flops()


def reckoned(model, work):
    """What we say, and the half of the decoder's attention that causality saves and torch computes."""
    flops = ModelFlops.of(model)
    above = 2 * work.num_pairs * flops.decoder.attention
    return flops.forward(work) + above, flops.step(work) + 3 * above


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda parts: "+".join(parts) or "nothing")
def test_operations_are_those_that_torch_counts(model, frozen):
    freeze_parts(model, frozen)
    batch = make_batch(model, (4, 4), num_words=30)
    work = Workload.of_rows(8, [batch["input_ids"].shape[1]] * 2, 2 * NUM_LABELS)
    assert reckoned(model, work) == pytest.approx(counted(model, batch), rel=2e-3)


def test_adapters_are_counted_and_frozen_weights_have_no_gradients(model):
    adapted = add_lora(model, LoraConfig(targets=LoraTargets.DECODER_AND_VISION, rank=4), Base("", {}), seed=0)
    freeze_parts(adapted, [Part.VISION, Part.DECODER])
    batch = make_batch(model, (4, 4), num_words=30)
    work = Workload.of_rows(8, [batch["input_ids"].shape[1]] * 2, 2 * NUM_LABELS)
    # The first block's inputs need no gradients, which is not told apart.
    assert reckoned(adapted.get_base_model(), work) == pytest.approx(counted(adapted, batch), rel=0.03)


def test_padding_is_no_work_and_attention_grows_with_the_square(model):
    flops = ModelFlops.of(model)
    assert Workload.of_rows(0, [10, 30], 0) == Workload(0, 40, 1000, 0)
    pairs = flops.step(Workload(0, 40, 1000, 0)) - flops.step(Workload(0, 40, 800, 0))
    # Two layers, 32 wide: forward 4 p d, backward twice that, of half the pairs.
    assert pairs == 12 * 200 / 2 * 32 * 2


def test_split_weights_count_whole(model):
    work = Workload.of_rows(8, [50], 5)
    whole = ModelFlops.of(model).step(work)
    for weight in model.parameters():
        weight.ds_shape = weight.shape
        weight.data = torch.empty(0)
    assert ModelFlops.of(model).step(work) == whole


def test_four_bit_weights_count_by_their_numbers():
    model = tiny_model()
    whole = ModelFlops.of(model).decoder.weights
    linear = model.decoder.layers[0].mlp.up_proj
    packed = nn.Parameter(torch.zeros(linear.weight.numel() // 2, 1, dtype=torch.uint8), requires_grad=False)
    packed.quant_state = type("State", (), {"shape": linear.weight.shape})
    linear.weight = packed
    assert ModelFlops.of(model).decoder.weights == whole


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H100 NVL", 835),
        ("NVIDIA H200", 989),
        ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("NVIDIA GeForce RTX 4090", 165),
        ("NVIDIA RTX 6000 Ada Generation", 364),
        ("NVIDIA H20", None),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", None),
        ("Tesla V100-SXM2-16GB", None),
        ("cpu", None),
    ],
)
def test_peaks_are_known_by_name_or_not_at_all(name, peak):
    assert peak_tflops(name) == peak
