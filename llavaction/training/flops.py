"""Floating-point operations that a training step needs, and how many a device can do.

The convention is that of model FLOPs (PaLM, Chowdhery et al. 2022, appendix B): the operations of the matrix products
that the model's definition asks for, 2 per multiplication and addition. With t tokens, a weight matrix of n numbers and
p pairs of positions that attend to each other at width d:

    forward              2 t n  per matrix,   4 p d  per layer's attention (scores, and the sum of values)
    gradient of weights  2 t n  where the matrix trains
    gradient of inputs   2 t n  per matrix,   8 p d  per layer's attention,  where something before it trains

- Vision tower: t are the patches of all frames (and class tokens), p the square of a frame's, per frame. Its blocks
  that are not run have no part in it. Pixels need no gradient.
- Projector: t are the patches of all frames.
- Decoder: t are tokens that are not padding, p half the square of each row's number, as attention is causal.
- LM head: t are the labelled positions alone.

Frozen parts have no gradient of weights, and no gradient of inputs where everything before them is frozen too. Adapters
are matrices like others. What is computed again (gradient checkpointing, chunks of the loss) is not useful work and
counts nothing; neither do norms, activations, pooling, embeddings and action heads, together below 1 % of a real model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

PEAK_TFLOPS = {
    "H100 PCIe": 756,
    "H100 NVL": 835,
    "H100": 989,
    "H200": 989,
    "GH200": 989,
    "H800": 989,
    "B200": 2250,
    "A100": 312,
    "A800": 312,
    "A40": 150,
    "A30": 165,
    "A10": 125,
    "L40S": 362,
    "L40": 181,
    "L4": 121,
    "RTX 6000 Ada": 364,
    "RTX A6000": 155,
    "RTX 4090": 165,
    "RTX 3090": 71,
}
"""Dense bf16 matrix products with float32 sums, by the vendors' data sheets; the first whose words are all in the
device's name."""


def peak_tflops(device_name: str) -> float | None:
    """What a device could do per second, in 10^12 operations; None where it is not known (a slice of a GPU too)."""
    words = set(re.split(r"[^A-Za-z0-9]+", device_name))
    if "MIG" in words:
        return None
    return next((float(peak) for name, peak in PEAK_TFLOPS.items() if words.issuperset(name.split())), None)


@dataclass(frozen=True)
class Workload:
    """What went through the model.

    Attributes:
        num_frames: frames that the tower saw.
        num_tokens: tokens of all rows, without padding.
        num_pairs: sum of the squares of each row's number of tokens.
        num_labels: labelled positions.
    """

    num_frames: float
    num_tokens: float
    num_pairs: float
    num_labels: float

    @classmethod
    def of_rows(cls, num_frames: int, lengths: Sequence[int], num_labels: int) -> Workload:
        """The work of rows of these numbers of tokens."""
        return cls(num_frames, sum(lengths), sum(length**2 for length in lengths), num_labels)


@dataclass(frozen=True)
class _Layers:
    """Layers that the same tokens go through.

    Attributes:
        weights: numbers in all their matrices.
        trained: those that train among them.
        attention: width of the heads together, summed over layers; 0 without attention.
        feeds_gradients: whether gradients are needed for their inputs.
    """

    weights: int
    trained: int
    attention: int = 0
    feeds_gradients: bool = False

    def forward(self, num_tokens: float, num_pairs: float) -> float:
        """Operations of the forward pass."""
        return 2.0 * num_tokens * self.weights + 4.0 * num_pairs * self.attention

    def backward(self, num_tokens: float, num_pairs: float) -> float:
        """Operations of the backward pass."""
        # Between scores and values lie no weights: whoever trains in a layer needs gradients through its attention.
        attention = 8.0 * num_pairs * self.attention if self.feeds_gradients or self.trained else 0.0
        inputs = 2.0 * num_tokens * self.weights if self.feeds_gradients else 0.0
        return 2.0 * num_tokens * self.trained + inputs + attention


@dataclass(frozen=True)
class ModelFlops:
    """The operations of one model, as it is frozen now."""

    patches: _Layers
    blocks: _Layers
    projector_in: _Layers
    projector_out: _Layers
    decoder: _Layers
    lm_head: _Layers
    patches_per_frame: int
    tokens_per_frame: int

    @classmethod
    def of(cls, model: Any) -> ModelFlops:
        """Count the weights of a `LlavactionForConditionalGeneration`, with or without adapters on it."""
        tower, projector, text = model.vision.tower, model.projector, model.config.text_config
        blocks, layers = tower.encoder.layers, model.decoder.layers
        head_width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        trains_vision = _trains(model.vision)
        trains_projector = trains_vision or _trains(projector)
        before_decoder = [model.newline, *model.get_input_embeddings().parameters()]
        if model.action_token is not None and model.action_token.embedding is not None:
            before_decoder.append(model.action_token.embedding)
        trains_inputs = trains_projector or any(weight.requires_grad for weight in before_decoder)
        num_patches = model.config.token_layout.patches_per_side**2
        return cls(
            patches=_layers([tower.embeddings], 0, False),
            blocks=_layers(blocks, len(blocks) * tower.config.hidden_size, trains_vision),
            projector_in=_layers([projector.linear_1], 0, trains_vision),
            projector_out=_layers([projector.linear_2], 0, trains_projector),
            decoder=_layers(layers, len(layers) * head_width * text.num_attention_heads, trains_inputs),
            lm_head=_layers([model.lm_head], 0, trains_inputs or _trains(model.decoder)),
            patches_per_frame=num_patches,
            tokens_per_frame=num_patches + model.vision.kind.num_class_tokens,
        )

    def forward(self, work: Workload) -> float:
        """Operations of a forward pass."""
        return sum(layers.forward(tokens, pairs) for layers, tokens, pairs in self._parts(work))

    def step(self, work: Workload) -> float:
        """Operations of a forward and a backward pass."""
        return self.forward(work) + sum(layers.backward(tokens, pairs) for layers, tokens, pairs in self._parts(work))

    def _parts(self, work: Workload) -> Iterable[tuple[_Layers, float, float]]:
        """Each part with the tokens and pairs of positions that go through it."""
        patches, frames = work.num_frames * self.patches_per_frame, work.num_frames
        tokens = frames * self.tokens_per_frame
        return [
            (self.patches, patches, 0.0),
            (self.blocks, tokens, tokens * self.tokens_per_frame),
            (self.projector_in, patches, 0.0),
            (self.projector_out, patches, 0.0),
            (self.decoder, work.num_tokens, work.num_pairs / 2),
            (self.lm_head, work.num_labels, 0.0),
        ]


def _layers(modules: Iterable[nn.Module], attention: int, feeds_gradients: bool) -> _Layers:
    sizes = [(_shape(weight), weight.requires_grad) for module in modules for weight in _products(module)]
    return _Layers(
        sum(math.prod(shape) for shape, _ in sizes),
        sum(math.prod(shape) for shape, trains in sizes if trains),
        attention,
        feeds_gradients,
    )


def _products(module: nn.Module) -> list[nn.Parameter]:
    """The matrices that inputs are multiplied with; tables are looked up only."""
    found = [
        weight
        for owner in module.modules()
        if not isinstance(owner, nn.Embedding)
        for weight in owner.parameters(recurse=False)
    ]
    return [weight for weight in found if len(_shape(weight)) > 1]


def _shape(weight: nn.Parameter) -> Sequence[int]:
    """Of a whole weight, also where it holds two numbers in each byte (4 bits) or is split over processes (ZeRO-3)."""
    state = getattr(weight, "quant_state", None)
    return state.shape if state is not None else getattr(weight, "ds_shape", weight.shape)


def _trains(module: nn.Module) -> bool:
    return any(weight.requires_grad for weight in module.parameters())
