"""How many tokens a video or picture becomes: the one formula that text and model must agree on. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.model.config import NewlinePosition, PoolMode


def pooled_side(side: int, stride: int, mode: PoolMode) -> int:
    """Tokens along one side after pooling: bilinear rounds up, the others take whole cells alone."""
    return -(-side // stride) if mode is PoolMode.BILINEAR else side // stride


@dataclass(frozen=True)
class TokenLayout:
    """Placeholders of a video: frames of pooled patches, newlines, then action tokens. A picture is one frame.

    Attributes:
        patches_per_side: patches along one side of a frame before pooling (27 for SigLIP so400m at 384 px).
        pool_stride: divisor of that.
        pool_mode: how patches become fewer, which decides the rounding.
        newline: where newline vectors go.
        num_action_tokens: action tokens after the visual sequence.
        video_token_id: placeholder id of every visual token, newlines included.
        action_token_id: placeholder id of every action token.
    """

    patches_per_side: int
    pool_stride: int
    newline: NewlinePosition
    num_action_tokens: int
    video_token_id: int
    action_token_id: int
    pool_mode: PoolMode = PoolMode.BILINEAR

    @property
    def pooled_per_side(self) -> int:
        """Tokens along one side of a frame."""
        return pooled_side(self.patches_per_side, self.pool_stride, self.pool_mode)

    def num_visual_tokens(self, num_frames: int) -> int:
        """Visual tokens of a video, newlines included."""
        side = self.pooled_per_side
        if self.newline is NewlinePosition.GRID:
            return num_frames * side * (side + 1)
        if self.newline is NewlinePosition.FRAME:
            return num_frames * (side * side + 1)
        return num_frames * side * side + 1

    def placeholders(self, num_frames: int, has_action_tokens: bool = True) -> list[int]:
        """The ids that stand for a video in the text, or for a picture (one frame, no action tokens)."""
        visual = [self.video_token_id] * self.num_visual_tokens(num_frames)
        return visual + [self.action_token_id] * (self.num_action_tokens if has_action_tokens else 0)
