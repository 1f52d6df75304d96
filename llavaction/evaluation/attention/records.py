"""What is measured of a clip and its question. No torch.

L layers, H heads, G groups, T frames, h pooled tokens per side, R resolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from llavaction.evaluation.attention.places import Query
from llavaction.utils.enums import StrEnum


class Run(StrEnum):
    """Which model sees a question, and how."""

    AS_TRAINED = "as_trained"
    """The checkpoint, with the action token that it has, if any."""
    LEFT_OUT = "action_token_left_out"
    """The same weights with the action tokens taken out of the prompt."""
    OTHER = "other"
    """The second checkpoint, with the action token that it has, if any."""


class Likeness(StrEnum):
    """How near the hidden states of visual and text tokens are, see `llavaction.evaluation.attention.likeness`."""

    VISUAL_TEXT = "visual_text"
    """Mean cosine of all pairs of a visual and a text token."""
    VISUAL_VISUAL = "visual_visual"
    """Mean cosine of all pairs of two visual tokens."""
    TEXT_TEXT = "text_text"
    """Mean cosine of all pairs of two text tokens."""
    MODALITY_GAP = "modality_gap"
    """Distance of the two groups' mean unit vectors."""


LIKENESSES = tuple(Likeness)


@dataclass(frozen=True)
class Attention:
    """Where some positions look, mean over them.

    Attributes:
        shares_LHG: of the attention, what goes to each group; sums to 1 over the groups.
        even_G: the same if attention were spread evenly over all that the positions may see.
        frames_LT: what goes to each frame, mean over heads; newlines do not count.
        map_LThh: what goes to each pooled patch, mean over heads; None where it was not kept.
    """

    shares_LHG: np.ndarray
    even_G: np.ndarray
    frames_LT: np.ndarray
    map_LThh: np.ndarray | None


@dataclass(frozen=True)
class Measured:
    """All about one question in one run.

    Attributes:
        likeness: a column for each of `LIKENESSES`, `[L + 1, 4]`: of the decoder's input, the output of each layer, and
            of the final norm instead of the last layer's.
        log_likelihood: of the answer, natural logarithm, mean over its tokens.
    """

    attention: Mapping[Query, Attention]
    likeness: np.ndarray
    log_likelihood: float


@dataclass(frozen=True)
class RunInfo:
    """What a run is.

    Attributes:
        label: words for tables and pictures.
        cover: part of a frame's side that its patches show; below 1 where pooling leaves the border out.
    """

    run: Run
    label: str
    checkpoint: str
    num_layers: int
    num_heads: int
    cover: float = 1.0


@dataclass(frozen=True)
class ClipRecord:
    """A question, its answer, and what was measured.

    Attributes:
        video: what intervals are clustered by.
        frames: as the model saw them, uint8 `[T, R, R, 3]` of each run; empty where no maps were kept.
    """

    question_id: str
    video: str
    question: str
    answer: str
    measured: Mapping[Run, Measured]
    frames: Mapping[Run, np.ndarray]
