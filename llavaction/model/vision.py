"""The vision tower: patches of frames to features.

B videos or images, T frames, N patches per frame, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedConfig

from llavaction.utils.errors import ConfigError


class VisionTower(nn.Module):
    """A transformers vision model without the blocks behind the hidden state that is read.

    LLaVA-style models read the second-to-last hidden state (`feature_layer` -2) before any final norm, so the
    last block, the final norm and the pooling head are left out: no memory, no time, no unused parameters.
    """

    def __init__(self, config: PreTrainedConfig, feature_layer: int) -> None:
        super().__init__()
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

    def forward(self, pixels_T3HW: Tensor) -> Tensor:
        """Features `[T, N, D]` of frames `[T, 3, H, W]`; no graph is kept when all weights are frozen."""
        trainable = any(parameter.requires_grad for parameter in self.parameters())
        with torch.set_grad_enabled(torch.is_grad_enabled() and trainable):
            features: Tensor = self.tower(pixels_T3HW).last_hidden_state
        return features
