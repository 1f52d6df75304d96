"""Patch embedding as one matrix product: torch's convolution is slower at it, on CPUs by up to a factor of two.

T frames, N patches per frame, P pixels along a patch, C colours, D width.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class PatchEmbedding(nn.Conv2d):
    """A convolution of patches that touch but do not overlap, by the same weights under the same names."""

    def forward(self, input: Tensor) -> Tensor:
        """`[T, D, rows, columns]` from frames `[T, C, H, W]`; what is left of a patch at the border is not seen."""
        num_frames, num_colours, height, width = input.shape
        side, _ = self.kernel_size
        rows, columns = height // side, width // side
        frames = input[:, :, : rows * side, : columns * side]
        grid = frames.reshape(num_frames, num_colours, rows, side, columns, side)
        patches_TNK = grid.permute(0, 2, 4, 1, 3, 5).reshape(num_frames, rows * columns, -1)
        embedded_TND = functional.linear(patches_TNK, self.weight.flatten(1), self.bias)
        return embedded_TND.transpose(1, 2).unflatten(2, (rows, columns))


def embed_patches_by_product(model: nn.Module) -> None:
    """Let the convolutions of `model` that cut frames into patches run as matrix products.

    They stay the modules that they are, as their weights belong to checkpoints and to those who hold them.
    """
    for module in model.modules():
        if type(module) is nn.Conv2d and _cuts_patches(module):
            module.__class__ = PatchEmbedding


def _cuts_patches(convolution: nn.Conv2d) -> bool:
    """Whether the patches are square and touch without overlap."""
    height, width = convolution.kernel_size
    return (
        height == width
        and convolution.stride == convolution.kernel_size
        and convolution.padding in ("valid", (0, 0))
        and convolution.dilation == (1, 1)
        and convolution.groups == 1
    )
