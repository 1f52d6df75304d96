"""The projector: vision width to decoder width."""

from __future__ import annotations

from torch import Tensor, nn


class Projector(nn.Module):
    """Linear, exact GELU, Linear (LLaVA's `mlp2x_gelu`)."""

    def __init__(self, vision_width: int, decoder_width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(vision_width, decoder_width)
        self.activation = nn.GELU()
        self.linear_2 = nn.Linear(decoder_width, decoder_width)

    def forward(self, features: Tensor) -> Tensor:
        """`[..., vision_width]` to `[..., decoder_width]`."""
        projected: Tensor = self.linear_2(self.activation(self.linear_1(features)))
        return projected
