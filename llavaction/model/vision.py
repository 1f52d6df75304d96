"""The vision tower: patches of frames to features.

B videos or images, T frames, N patches per frame, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedConfig

from llavaction.model.partitioned import is_partitioned, largest_over_processes
from llavaction.model.patches import embed_patches_by_product
from llavaction.model.towers import kind_of
from llavaction.utils.errors import ConfigError


def normalise(pixels_T3HW: Tensor, dtype: torch.dtype) -> Tensor:
    """Pixels in [-1, 1] in a type of float; those that are there already keep their values.

    Colours of files, uint8 from 0 to 255, come here as they are: on their way from the processes that load them they
    take a quarter of the room.
    """
    if pixels_T3HW.dtype == torch.uint8:
        # SigLIP's (x / 255 - 0.5) / 0.5 in one pass over memory, which on a CPU is three times as fast.
        minus_one = torch.tensor(-1.0, device=pixels_T3HW.device)
        pixels_T3HW = torch.add(minus_one, pixels_T3HW, alpha=2 / 255)
    return pixels_T3HW.to(dtype)


class VisionTower(nn.Module):
    """A transformers vision model without the blocks behind the hidden state that is read.

    LLaVA-style models read the second-to-last hidden state (`feature_layer` -2) before any final norm, so the
    last block, the final norm and the pooling head are left out: no memory, no time, no unused parameters.

    Attributes:
        chunk: frames that go through the tower at a time, 0 for all. It bounds what is not kept: everything when the
            tower is frozen, what is recomputed with gradient checkpointing.
    """

    def __init__(self, config: PreTrainedConfig, feature_layer: int) -> None:
        super().__init__()
        self.kind = kind_of(config)
        self.chunk = 0
        # The tower stays a PreTrainedModel, so that transformers initialises and restores it by its own rules.
        self.tower = AutoModel.from_config(config)
        blocks = self.tower.encoder.layers
        num_blocks = len(blocks) + 1 + feature_layer
        if num_blocks < 1:
            raise ConfigError(f"vision_feature_layer {feature_layer} leaves none of the tower's {len(blocks)} blocks")
        self.tower.encoder.layers = blocks[:num_blocks]
        self.tower.post_layernorm = nn.Identity()
        if getattr(self.tower, "use_head", False):
            self.tower.use_head = False
            del self.tower.head
        embed_patches_by_product(self.tower)

    def forward(self, pixels_T3HW: Tensor) -> Tensor:
        """Features `[T, N, D]` of frames `[T, 3, H, W]` in [-1, 1]; no graph is kept when all weights are frozen."""
        trainable = any(parameter.requires_grad for parameter in self.parameters())
        with torch.set_grad_enabled(torch.is_grad_enabled() and trainable):
            parts = [self._encode(frames) for frames in self._split(pixels_T3HW)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _split(self, pixels_T3HW: Tensor) -> list[Tensor]:
        """The frames of each pass; none are in a pass that only other processes have frames for."""
        passes = list(pixels_T3HW.split(self.chunk or len(pixels_T3HW)))
        if self.chunk and is_partitioned(self):
            most = largest_over_processes(len(passes), pixels_T3HW.device)
            passes += [pixels_T3HW[:0]] * (most - len(passes))
        return passes

    def _encode(self, pixels_T3HW: Tensor) -> Tensor:
        num_frames = len(pixels_T3HW)
        # Without frames a blank one runs, as all processes must run all modules.
        frames = pixels_T3HW if num_frames else pixels_T3HW.new_zeros(1, *pixels_T3HW.shape[1:])
        features: Tensor = self.tower(**self.kind.inputs(frames, self.tower.config.patch_size)).last_hidden_state
        return features[:num_frames, self.kind.num_class_tokens :]
