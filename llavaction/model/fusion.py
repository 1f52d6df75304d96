"""Visual and action vectors into their placeholders.

B batch, S sequence, n visual tokens of all videos together, D width.
"""

from __future__ import annotations

from torch import Tensor


def fill_placeholders(embeds_BSD: Tensor, is_placeholder_BS: Tensor, vectors_nD: Tensor, what: str) -> Tensor:
    """Put `vectors_nD` in place of the placeholders, row by row in order.

    Raises:
        ValueError: when their numbers differ: text and features were made with different settings.
    """
    num_placeholders = int(is_placeholder_BS.sum())
    if num_placeholders != len(vectors_nD):
        raise ValueError(
            f"the text holds {num_placeholders} {what} placeholders, but there are {len(vectors_nD)} {what} vectors; "
            "frames, pooling or newline settings of processor and model differ"
        )
    return embeds_BSD.masked_scatter(is_placeholder_BS[..., None], vectors_nD.to(embeds_BSD.dtype))
