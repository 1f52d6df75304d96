"""How alike the hidden states of visual and text tokens are.

S sequence, n visual tokens, m text tokens, D width.

Each state is scaled to length 1. Then, with v the visual and t the text vectors:

- visual_text: mean of v . t over all n * m pairs, the cosine similarity between the groups;
- visual_visual, text_text: mean over all pairs of two different tokens of one group, the likeness within it. Hidden
  states of language models lie in a narrow cone (Ethayarajh 2019), so that any two are alike to some degree: the
  likeness between the groups says something only beside that within them;
- modality_gap: distance of the mean of v from the mean of t (Liang et al. 2022), from 0, where the groups have one
  centre, to 2. What all vectors have in common, such as the cone, is in both means and drops out.

Text tokens are those after the clip, question and answer, as what stands before it has not seen it; newlines and action
tokens belong to neither group.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from llavaction.utils.errors import DataError


def measure_likeness(states_SD: Tensor, visual: Sequence[int], text: Sequence[int]) -> Tensor:
    """The four numbers above in the order of `LIKENESSES`, float64 `[4]`.

    Args:
        visual, text: positions of the two groups.

    Raises:
        DataError: when a group has less than two tokens, and so no pairs.
    """
    if min(len(visual), len(text)) < 2:
        raise DataError(f"{len(visual)} visual and {len(text)} text tokens; pairs need two or more of each")
    # A mean over pairs is a product of means, which no pair has to be formed for.
    mean_v, mean_t = (functional.normalize(states_SD[list(group)].double(), dim=-1).mean(0) for group in (visual, text))
    return torch.stack(
        [mean_v @ mean_t, _within(mean_v, len(visual)), _within(mean_t, len(text)), (mean_v - mean_t).norm()]
    )


def _within(mean_D: Tensor, number: int) -> Tensor:
    """Mean cosine of two different ones of `number` unit vectors with this mean: pairs of one with itself taken off."""
    return (number * mean_D @ mean_D - 1) / (number - 1)
