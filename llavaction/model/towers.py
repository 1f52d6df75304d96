"""What the vision models of transformers differ in: extra tokens, pixel statistics, the form of their input.

T frames, N patches per frame, H height and W width of a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig

from llavaction.utils.errors import ConfigError

Colour = tuple[float, float, float]
"""One number for each of red, green and blue."""


@dataclass(frozen=True)
class TowerKind:
    """How frames go into a family of vision models and what comes out before the patches.

    Attributes:
        num_class_tokens: tokens before the patches; they are seen by the patches and then dropped.
        mean, std: statistics that the family's pixels are normalised with. Ours come as 0.5 and 0.5, in [-1, 1],
            whatever the tower: the processor need not know it.
        takes_patches: whether it wants frames cut into patches, with their grid beside them.
    """

    num_class_tokens: int = 0
    mean: Colour = (0.5, 0.5, 0.5)
    std: Colour = (0.5, 0.5, 0.5)
    takes_patches: bool = False

    def normalise(self, pixels_T3HW: Tensor) -> Tensor:
        """Pixels in [-1, 1] by the family's own statistics."""
        if self.mean == self.std == (0.5, 0.5, 0.5):
            return pixels_T3HW
        mean, std = (pixels_T3HW.new_tensor(numbers)[:, None, None] for numbers in (self.mean, self.std))
        return (pixels_T3HW * 0.5 + 0.5 - mean) / std

    def inputs(self, pixels_T3HW: Tensor, patch_size: int) -> dict[str, Tensor]:
        """Arguments of the vision model for square frames in [-1, 1]."""
        pixels_T3HW = self.normalise(pixels_T3HW)
        if not self.takes_patches:
            return {"pixel_values": pixels_T3HW}
        num_frames, side = len(pixels_T3HW), pixels_T3HW.shape[-1] // patch_size
        patches_TNP = cut_patches(pixels_T3HW, patch_size)
        return {
            "pixel_values": patches_TNP,
            "pixel_attention_mask": patches_TNP.new_ones(patches_TNP.shape[:2], dtype=torch.long),
            "spatial_shapes": patches_TNP.new_full((num_frames, 2), side, dtype=torch.long),
        }


KINDS = {
    # SigLIP, and SigLIP 2 at a fixed resolution, whose checkpoints have this type too.
    "siglip_vision_model": TowerKind(),
    # SigLIP 2 NaFlex: any grid of patches, positions are interpolated. Frames are square here.
    "siglip2_vision_model": TowerKind(takes_patches=True),
    # The statistics that OpenAI's CLIP and its open successors were trained with.
    "clip_vision_model": TowerKind(
        num_class_tokens=1, mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711)
    ),
}
"""Vision models that a tower can be made of, by their `model_type`."""


def kind_of(config: PreTrainedConfig) -> TowerKind:
    """The kind of a vision model.

    Raises:
        ConfigError: when it is none of `KINDS`, or its frames are not whole patches where they have to be.
    """
    vision: Any = config
    kind = KINDS.get(vision.model_type)
    if kind is None:
        raise ConfigError(f"model.vision.model_type = {vision.model_type!r}: must be one of {sorted(KINDS)}")
    if kind.takes_patches:
        image_size = getattr(vision, "image_size", None)
        if not isinstance(image_size, int) or image_size < 1 or image_size % vision.patch_size:
            raise ConfigError(
                f"model.vision.image_size = {image_size}: {vision.model_type} sees frames of any size, so set the side "
                f"of ours in pixels, a multiple of its patch_size {vision.patch_size}"
            )
    return kind


def cut_patches(pixels_T3HW: Tensor, patch_size: int) -> Tensor:
    """Frames as rows of patches, each flattened with its colours innermost: `[T, N, patch_size * patch_size * 3]`."""
    num_frames, num_colours, height, width = pixels_T3HW.shape
    rows, columns = height // patch_size, width // patch_size
    patches = pixels_T3HW.reshape(num_frames, num_colours, rows, patch_size, columns, patch_size)
    return patches.permute(0, 2, 4, 3, 5, 1).reshape(num_frames, rows * columns, -1)
