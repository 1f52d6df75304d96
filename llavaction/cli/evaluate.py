"""`llavaction evaluate`: a checkpoint and test samples to rows and metrics."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from llavaction.cli.checkpoints import usable_checkpoint
from llavaction.cli.same_config import refuse_other_config
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import EvaluateRoot
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.logs import set_up_logging
from llavaction.utils.processes import process_rank
from llavaction.utils.runs import record_run

# torch takes seconds to import, which --help and a mistyped key should not cost.
if TYPE_CHECKING:
    import torch


def main(overrides: list[str]) -> None:
    """Evaluate what `overrides` ask for.

    Raises:
        ConfigError: when they set a number of frames where training looks for it.
    """
    if any(word.lstrip("+").startswith("video.num_frames=") for word in overrides):
        raise ConfigError(
            "an evaluation shows as many frames as its checkpoint was trained with, whatever video.num_frames is; for "
            "another number set evaluation.num_frames"
        )
    run(compose_config("evaluate", overrides))


def run(root: EvaluateRoot) -> dict[str, dict[str, float]]:
    """Evaluate, record, and return the metrics by task."""
    folder = Path(root.output)
    set_up_logging(folder)
    from llavaction.evaluation.answering import Answerer
    from llavaction.evaluation.processes import join_processes, wait_for_all
    from llavaction.evaluation.questions import check_heads, read_questions
    from llavaction.evaluation.runner import EvaluationRun, evaluate
    from llavaction.processing.threads import share_cores

    join_processes()
    refuse_other_config(root, folder)
    wait_for_all()
    samples = [Path(task.samples) for task in root.evaluation.tasks.values()]
    checkpoint = usable_checkpoint(root.model.checkpoint, ClassTable.load(samples[0].parent) if samples else None)
    answerer = Answerer.load(
        checkpoint,
        dtype=root.model.dtype,
        attention=root.model.attention,
        device=pick_device(),
        tree_size=root.evaluation.tree_size,
    )
    check_heads(root.evaluation, answerer.model)
    if process_rank() == 0:
        hashes = {str(path): file_sha256(path) for path in samples}
        for weights in (checkpoint / name for name in ("model.safetensors", "adapter_model.safetensors")):
            if weights.exists():
                hashes[str(weights)] = file_sha256(weights)
        answerer.classes.save(folder)  # what the ids in the rows mean
        num_frames = root.evaluation.num_frames or answerer.processor.config.num_frames
        record_run(folder, "evaluate", resolved_yaml(root), hashes, num_frames=num_frames)
    share_cores(root.evaluation.num_workers)
    questions = read_questions(root.evaluation, answerer.classes, "the checkpoint")
    return evaluate(EvaluationRun(folder, answerer, root.video, root.evaluation, questions, root.encoder))


def pick_device() -> torch.device:
    """This process's GPU, or the CPU."""
    import torch

    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
