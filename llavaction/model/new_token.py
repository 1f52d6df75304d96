"""An action token for a model that has none."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from llavaction.model.action_token import ActionToken
from llavaction.model.config import ActionSupervision
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.utils.seeding import seed_for

Sizes = tuple[int, int, int]
"""Verbs, nouns and actions that the heads tell apart."""


def add_action_token(
    model: LlavactionForConditionalGeneration, supervision: ActionSupervision, sizes: Sizes, seed: int
) -> None:
    """Give `model` an action token and its heads, with weights as a new model has them.

    The placeholder ids are there already: every model of ours keeps a row of its vocabulary for action tokens.
    """
    config = model.config
    config.supervision = supervision.value
    config.num_verbs, config.num_nouns, config.num_actions = sizes
    token = ActionToken(supervision, model.newline.shape[-1], *sizes)
    token.load_state_dict(token_weights(config, seed))
    model.action_token = token.to(device=model.newline.device, dtype=model.newline.dtype)


def token_weights(config: LlavactionConfig, seed: int) -> dict[str, Tensor]:
    """Weights of the action token that `config` describes; they depend on `seed` alone."""
    with torch.device("meta"):
        model = LlavactionForConditionalGeneration(config)
    token: Any = model.action_token
    token.to_empty(device="cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "action_token"))
        for module in token.modules():
            model._init_weights(module)
    weights: dict[str, Tensor] = token.state_dict()
    return weights
