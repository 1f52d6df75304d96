"""Which token of a prompt is what: the groups that attention goes to, and the positions it comes from. No torch.

S sequence, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.model.token_layout import TokenLayout
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError


class TokenGroup(StrEnum):
    """What a token is; each token is in one group."""

    FIRST_TOKEN = "first_token"
    """The first of all, apart from the rest of the system prompt: language models park attention there that is meant
    for nothing (attention sink, Xiao et al. 2024)."""
    SYSTEM = "system"
    """The rest of the system prompt, and the opening of the user's turn."""
    VISUAL = "visual"
    """Pooled patches of the frames."""
    NEWLINE = "newline"
    """Newline vectors among them, which are the same for every clip."""
    ACTION_TOKEN = "action_token"
    """The learnable action token, or the three."""
    QUESTION = "question"
    """The text after the clip, up to and including the opening of the answer's turn."""
    ANSWER = "answer"
    """The answer's tokens so far, the attending one among them."""


class Query(StrEnum):
    """Which positions attend."""

    ANSWER = "answer"
    """Those that predict the answer: the last of the prompt, and the answer's tokens but the last."""
    ACTION_TOKEN = "action_token"
    """The action tokens."""


GROUPS = tuple(TokenGroup)


@dataclass(frozen=True)
class Places:
    """A prompt and its answer, token by token.

    Attributes:
        groups_S: number of each token's group among `GROUPS`.
        pooled: positions of the pooled patches, frame by frame, row by row.
        num_frames: of the clip; the frames are square and have as many patches each.
        queries: positions that attend; those of action tokens only where there are some.
    """

    groups_S: np.ndarray
    pooled: tuple[int, ...]
    num_frames: int
    queries: dict[Query, tuple[int, ...]]

    def of(self, *groups: TokenGroup) -> list[int]:
        """Positions of the tokens of some groups."""
        return np.flatnonzero(np.isin(self.groups_S, [GROUPS.index(group) for group in groups])).tolist()

    def even_shares(self, query: Query) -> np.ndarray:
        """What each group would get if every attending token spread its attention evenly over all before it, `[G]`.

        Itself included; a sliding window, which some layers of some decoders have, is not looked at.
        """
        shares = [
            np.bincount(self.groups_S[: place + 1], minlength=len(GROUPS)) / (place + 1)
            for place in self.queries[query]
        ]
        return np.mean(shares, axis=0)


def find_places(
    prompt_ids: Sequence[int], answer_ids: Sequence[int], layout: TokenLayout, num_frames: int, num_opening: int
) -> Places:
    """Sort the tokens of a prompt with one video, and of its answer, into groups.

    Args:
        prompt_ids: up to the opened answer, with placeholders; action tokens may be left out.
        num_opening: tokens of the system prompt and of the opening of the user's turn.

    Raises:
        DataError: when the answer is empty, or the placeholders are not those of a video of `num_frames`.
    """
    if not answer_ids:
        raise DataError("the answer has no tokens; give one with answer=TEXT")
    ids = np.array([*prompt_ids, *answer_ids])
    visual = np.flatnonzero(ids == layout.video_token_id)
    if len(visual) != layout.num_visual_tokens(num_frames):
        raise DataError(
            f"the prompt holds {len(visual)} visual tokens, a video of {num_frames} frames has "
            f"{layout.num_visual_tokens(num_frames)}; show exactly one clip"
        )
    pooled = visual[layout.pooled_places(num_frames)]
    groups_S = np.full(len(ids), GROUPS.index(TokenGroup.QUESTION))
    groups_S[:num_opening] = GROUPS.index(TokenGroup.SYSTEM)
    groups_S[0] = GROUPS.index(TokenGroup.FIRST_TOKEN)
    groups_S[visual] = GROUPS.index(TokenGroup.NEWLINE)
    groups_S[pooled] = GROUPS.index(TokenGroup.VISUAL)
    groups_S[ids == layout.action_token_id] = GROUPS.index(TokenGroup.ACTION_TOKEN)
    groups_S[len(prompt_ids) :] = GROUPS.index(TokenGroup.ANSWER)
    queries = {Query.ANSWER: tuple(range(len(prompt_ids) - 1, len(ids) - 1))}
    if (ids == layout.action_token_id).any():
        queries[Query.ACTION_TOKEN] = tuple(np.flatnonzero(ids == layout.action_token_id).tolist())
    return Places(groups_S, tuple(pooled.tolist()), num_frames, queries)
