"""How many tokens a video or picture becomes: the one formula that text and model must agree on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llavaction.model.config import NewlinePosition, PictureMode, PoolMode
from llavaction.model.picture_layout import AS_VIDEO, PictureLayout, Size


def pooled_side(side: int, stride: int, mode: PoolMode) -> int:
    """Tokens along one side after pooling: bilinear rounds up, the others take whole cells alone."""
    return -(-side // stride) if mode is PoolMode.BILINEAR else side // stride


@dataclass(frozen=True)
class TokenLayout:
    """Placeholders of a video: frames of pooled patches, newlines, then action tokens; and those of a picture.

    Attributes:
        patches_per_side: patches along one side of a frame before pooling (27 for SigLIP so400m at 384 px).
        pool_stride: divisor of that.
        pool_mode: how patches become fewer, which decides the rounding.
        newline: where newline vectors go.
        num_action_tokens: action tokens after the visual sequence.
        video_token_id: placeholder id of every visual token, newlines included.
        action_token_id: placeholder id of every action token.
        pictures: how pictures are seen; by default each is a video of one frame.
    """

    patches_per_side: int
    pool_stride: int
    newline: NewlinePosition
    num_action_tokens: int
    video_token_id: int
    action_token_id: int
    pool_mode: PoolMode = PoolMode.BILINEAR
    pictures: PictureLayout = AS_VIDEO

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> TokenLayout:
        """A layout as JSON has it; layouts of before pictures had a choice see them as videos.

        Raises:
            KeyError, TypeError, ValueError, ConfigError: when it is not one.
        """
        words = {"newline": NewlinePosition(row["newline"]), "pool_mode": PoolMode(row.get("pool_mode", "bilinear"))}
        pictures = row.get("pictures") or {}
        if pictures:
            grids = tuple((rows, columns) for rows, columns in pictures["grids"])
            pictures = {**pictures, "mode": PictureMode(pictures["mode"]), "grids": grids}
        return cls(**{**row, **words, "pictures": PictureLayout(**pictures)})

    @property
    def pooled_per_side(self) -> int:
        """Tokens along one side of a frame."""
        return pooled_side(self.patches_per_side, self.pool_stride, self.pool_mode)

    def num_visual_tokens(self, num_frames: int, picture_size: Size | None = None) -> int:
        """Visual tokens of a video, newlines included, or of a picture.

        Args:
            num_frames: of the video; the views of the picture.
            picture_size: height and width of the picture in pixels; None for a video and for a picture seen as one.
        """
        side = self.pooled_per_side
        if picture_size is not None:
            return self._num_picture_tokens(num_frames, picture_size)
        if self.newline is NewlinePosition.GRID:
            return num_frames * side * (side + 1)
        if self.newline is NewlinePosition.FRAME:
            return num_frames * (side * side + 1)
        return num_frames * side * side + 1

    def placeholders(
        self, num_frames: int, has_action_tokens: bool = True, picture_size: Size | None = None
    ) -> list[int]:
        """The ids that stand for a video in the text, or for a picture (no action tokens)."""
        visual = [self.video_token_id] * self.num_visual_tokens(num_frames, picture_size)
        return visual + [self.action_token_id] * (self.num_action_tokens if has_action_tokens else 0)

    def pooled_places(self, num_frames: int) -> list[int]:
        """Which visual tokens of a video are pooled patches and not newlines: frame by frame, row by row."""
        side = self.pooled_per_side
        row = side + (self.newline is NewlinePosition.GRID)
        frame = side * row + (self.newline is NewlinePosition.FRAME)
        return [
            number * frame + line * row + column
            for number in range(num_frames)
            for line in range(side)
            for column in range(side)
        ]

    def _num_picture_tokens(self, num_views: int, size: Size) -> int:
        """All patches of the whole picture, and a newline or the map of its tiles."""
        whole = self.patches_per_side**2
        if num_views == 1:
            return whole + 1
        return whole + self.pictures.patch_map(size, self.patches_per_side).num_tokens
