"""The action token of a host on disk: `action_token.json` says what it is, `action_token.safetensors` has its weights.

The host's own weights are not in them: transformers saves those beside them where they were trained too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from llavaction.model.action_token import ActionToken
from llavaction.model.build import ClassCounts
from llavaction.model.config import ActionSupervision, Distillation, LossWeights, SupervisedLayers
from llavaction.model.objective import ActionObjective
from llavaction.utils.errors import CheckpointError
from llavaction.utils.jsonl import read_json, write_json
from llavaction.utils.plain import plain

SETTINGS_FILE = "action_token.json"
WEIGHTS_FILE = "action_token.safetensors"


def write_action_token(folder: Path, token: ActionToken, objective: ActionObjective, action_token_id: int) -> None:
    """Write both files into `folder`, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "supervision": token.supervision,
        "action_token_id": action_token_id,
        "counts": {
            "num_verbs": token.verb_head.out_features,
            "num_nouns": token.noun_head.out_features,
            "num_actions": token.action_head.out_features,
        },
        "supervised_layers": objective.layers,
        "distillation": objective.distillation,
        "loss_weights": vars(objective.weights),
    }
    write_json(folder / SETTINGS_FILE, plain(settings))
    save_file(token.state_dict(), folder / WEIGHTS_FILE, metadata={"format": "pt"})


def read_settings(folder: Path) -> dict[str, Any]:
    """The arguments of a host, without its model, as they were written.

    Raises:
        CheckpointError: when the file is missing or says something else.
    """
    path = folder / SETTINGS_FILE
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; {folder} holds no action token of a host")
    try:
        row = read_json(path)
        return {
            "supervision": ActionSupervision(row["supervision"]),
            "counts": ClassCounts(**row["counts"]),
            "objective": ActionObjective(
                SupervisedLayers(row["supervised_layers"]),
                Distillation(row["distillation"]),
                LossWeights(**row["loss_weights"]),
            ),
            "action_token_id": int(row["action_token_id"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {type(error).__name__}: {error}") from None


def read_weights(folder: Path, token: nn.Module) -> None:
    """Fill `token` with the saved weights.

    Raises:
        CheckpointError: when they are missing or made for a host of another width.
    """
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file beside {SETTINGS_FILE}")
    try:
        token.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path}: the weights do not fit this host: {error}") from None
