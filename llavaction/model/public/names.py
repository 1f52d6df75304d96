"""The one table of weight names: public `llava_qwen` checkpoints on the left, this project's on the right."""

from __future__ import annotations

import re

_TOWER = "model.vision_tower.vision_tower.vision_model."
_LANGUAGE_MODEL = ("model.", "decoder.")

# Prefixes, tried in this order; what no other line takes of "model." is the language model itself.
NAMES: tuple[tuple[str, str], ...] = (
    (_TOWER, "vision.tower."),
    ("model.mm_projector.0.", "projector.linear_1."),
    ("model.mm_projector.2.", "projector.linear_2."),
    ("model.image_newline", "newline"),
    ("model.action_supervision", "action_token.embedding"),
    ("verb_head.", "action_token.verb_head."),
    ("noun_head.", "action_token.noun_head."),
    ("action_head.", "action_token.action_head."),
    ("lm_head.", "lm_head."),
    _LANGUAGE_MODEL,
)

# What public files may hold and this project has no use for: patterns, and why.
UNUSED: tuple[tuple[str, str], ...] = (
    (re.escape(_TOWER) + r"post_layernorm\.(?:weight|bias)", "final norm of the vision tower; never applied"),
    (re.escape(_TOWER) + r"encoder\.layers\.(\d+)\..+", "blocks of the vision tower behind the state that is read"),
    (re.escape(_TOWER) + r"head\..+", "pooling head of the vision tower; never applied"),
    (r"model\..+\.(?:position_ids|inv_freq)", "buffers that are computed from the configuration"),
)

POST_NORM = (f"{_TOWER}post_layernorm.weight", f"{_TOWER}post_layernorm.bias")


def our_name(public: str) -> str | None:
    """Our name of a public weight; None for one that no public checkpoint of this kind holds."""
    for theirs, ours in NAMES:
        if public.startswith(theirs):
            return ours + public.removeprefix(theirs)
    return None


def public_name(ours: str) -> str:
    """The public name of one of our weights.

    Raises:
        KeyError: for a name that our model does not have.
    """
    for theirs, prefix in NAMES:
        if ours.startswith(prefix):
            return theirs + ours.removeprefix(prefix)
    raise KeyError(ours)


def is_unused(public: str, num_blocks: int = 0) -> bool:
    """Whether a weight that our model does not have may lie in a public file.

    Args:
        num_blocks: blocks of the vision tower that our model has.
    """
    matches = (re.fullmatch(pattern, public) for pattern, _ in UNUSED)
    return any(match and int((match.groups() or (num_blocks,))[0]) >= num_blocks for match in matches)
