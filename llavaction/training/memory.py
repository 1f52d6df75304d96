"""How much memory a training step needs on each GPU, from the model's sizes. No torch.

D width, I width of the MLP, L blocks, S tokens of a batch, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.training.sizes import BlockSizes, ModelSizes
from llavaction.utils.enums import StrEnum

_BUCKET = 500_000_000
"""Numbers that DeepSpeed exchanges at a time; two such buffers exist (its defaults)."""
_GATHERED = 1_000_000_000
"""Weights that ZeRO-3 keeps gathered at a time, at most (its default)."""


class Arithmetic(StrEnum):
    """In what the step computes, and in what it keeps weights."""

    FLOAT32 = "float32"
    """Everything in float32."""
    AUTOCAST = "autocast"
    """Weights in float32, matrix products in 16 bits: plain data parallelism with bf16."""
    HALF = "half"
    """Weights and products in 16 bits, with float32 weights in the optimiser: DeepSpeed with bf16."""


_PER_TOKEN = {
    # Bytes that autograd keeps of a block for each token, by width, key and value width, and MLP width: measured on
    # transformers' Qwen2 and SigLIP blocks with sdpa.
    "decoder": {Arithmetic.FLOAT32: (32, 8, 16), Arithmetic.AUTOCAST: (30, 4, 8), Arithmetic.HALF: (20, 4, 8)},
    "vision": {Arithmetic.FLOAT32: (32, 0, 8), Arithmetic.AUTOCAST: (24, 0, 4), Arithmetic.HALF: (16, 0, 4)},
}
_HIDDEN_BYTES = {Arithmetic.FLOAT32: 4, Arithmetic.AUTOCAST: 4, Arithmetic.HALF: 2}
"""Of a number between two blocks."""


@dataclass(frozen=True)
class Split:
    """How the state of the model is split over the processes.

    Attributes:
        stage: ZeRO stage; 0 for plain data parallelism, with DeepSpeed or without.
        offload_optimizer: the optimiser's state lies in the host's memory.
        offload_weights: the weights too (ZeRO-3 only).
    """

    stage: int = 0
    offload_optimizer: bool = False
    offload_weights: bool = False


@dataclass(frozen=True)
class StateMemory:
    """Bytes of weights, gradients and optimiser state of one process, on its GPU and on its share of the host."""

    weights: float
    gradients: float
    optimizer: float
    buffers: float
    host: float

    @property
    def gpu(self) -> float:
        """All of it on the GPU."""
        return self.weights + self.gradients + self.optimizer + self.buffers


def state_memory(sizes: ModelSizes, split: Split, arithmetic: Arithmetic, num_processes: int) -> StateMemory:
    """What the model's state takes on each process: AdamW, whose two moments are float32.

    Without DeepSpeed the weights that train are float32 and each has a gradient (and a second one in the buckets that
    processes exchange); in 16 bits ZeRO keeps them in 16 bits with a float32 copy beside the moments. The stages split
    optimiser (1), gradients (2) and weights (3) (Rajbhandari et al. 2020, section 3).
    """
    trained, frozen = sizes.num_trained, sizes.num_weights - sizes.num_trained
    half = arithmetic is Arithmetic.HALF
    per_weight = 2 if half else 4
    weights = trained * per_weight + frozen * min(per_weight, sizes.frozen_bytes)
    gradients = float(trained * per_weight)
    optimizer = float(trained * (12 if half else 8))
    buffers = 0.0
    if split.stage == 0 and not half:
        buffers = gradients if num_processes > 1 else 0
        # Autocast keeps the 16-bit copies until the step's end.
        buffers += 2 * trained if arithmetic is Arithmetic.AUTOCAST else 0
    elif split.stage:
        buffers = 2 * min(trained, _BUCKET) * per_weight
    if split.stage >= 1:
        optimizer /= num_processes
    if split.stage >= 2:
        gradients /= num_processes
    if split.stage == 3:
        buffers += min(sizes.num_weights, _GATHERED) * per_weight
        weights /= num_processes
    host = 0.0
    if split.offload_optimizer:
        host, optimizer = optimizer + gradients, 0.0
    if split.offload_weights:
        host, weights = host + weights, 0.0
    return StateMemory(weights, gradients, optimizer, buffers, host)


def activation_memory(
    sizes: ModelSizes, num_tokens: int, num_frames: int, arithmetic: Arithmetic, checkpointing: bool
) -> float:
    """Bytes that a batch of `num_tokens` with `num_frames` keeps until the backward pass has been there.

    With gradient checkpointing the inputs of all blocks and the inside of one of them; else the insides of all.
    """
    hidden = _HIDDEN_BYTES[arithmetic]
    decoder = _blocks(sizes.decoder, "decoder", num_tokens, arithmetic, checkpointing)
    num_patches = num_frames * sizes.patches_per_frame
    vision = 0.0
    if num_patches:
        at_once = min(num_patches, sizes.vision_chunk * sizes.patches_per_frame or num_patches)
        if sizes.vision_trains:
            vision = _blocks(sizes.vision, "vision", num_patches, arithmetic, checkpointing, at_once)
        else:
            vision = _block(sizes.vision, "vision", arithmetic) * at_once
    width = sizes.decoder.width
    product = 4 if arithmetic is Arithmetic.FLOAT32 else 2
    projector = num_patches * (sizes.vision.width + 3 * width) * product
    around = 4 * num_tokens * width * hidden
    loss = min(num_tokens, sizes.loss_chunk) * sizes.vocabulary * 4 * 2
    return decoder + vision + projector + around + loss


def _blocks(
    block: BlockSizes, kind: str, num_tokens: int, arithmetic: Arithmetic, checkpointing: bool, at_once: int = 0
) -> float:
    inside = _block(block, kind, arithmetic)
    if not checkpointing:
        return block.num_blocks * inside * num_tokens
    inputs = block.num_blocks * num_tokens * block.width * _HIDDEN_BYTES[arithmetic]
    return inputs + inside * (at_once or num_tokens)


def _block(block: BlockSizes, kind: str, arithmetic: Arithmetic) -> float:
    """Bytes per token of one block."""
    by_width, by_keys, by_mlp = _PER_TOKEN[kind][arithmetic]
    return by_width * block.width + by_keys * block.key_width + by_mlp * block.mlp_width
