"""Run by test_exactness.py on two processes: `llavaction train`, with a look at what each holds of the weights."""

import json
import os
from pathlib import Path

from llavaction.cli.main import main as run_command_line
from llavaction.training.trainer import ActionTrainer


def main(arguments):
    """Write, for each step, how many numbers of the weights there are, are here whole, and are this process's share."""
    counts = []
    train_step = ActionTrainer.training_step

    def count_and_step(trainer, *rest):
        weights = list(trainer.model.parameters())
        counts.append(
            {
                "all": sum(weight.ds_numel for weight in weights),
                "whole": sum(weight.numel() for weight in weights),
                "share": sum(weight.ds_tensor.numel() for weight in weights),
            }
        )
        return train_step(trainer, *rest)

    ActionTrainer.training_step = count_and_step
    code = run_command_line(arguments)
    (folder,) = (word.removeprefix("output=") for word in arguments if word.startswith("output="))
    Path(folder, f"held_{os.environ['RANK']}.json").write_text(json.dumps(counts))
    return code
