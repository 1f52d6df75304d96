"""Evaluation while training: what `llavaction evaluate` does, with the model as it is, every so many steps."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from llavaction.evaluation.answering import Answerer
from llavaction.evaluation.config import EvaluationConfig
from llavaction.evaluation.predictions import METRICS_FILE
from llavaction.evaluation.processes import from_first
from llavaction.evaluation.questions import Questions, check_heads, read_questions
from llavaction.evaluation.runner import EvaluationRun, evaluate
from llavaction.model.lora.adapted import AdaptedModel
from llavaction.model.partitioned import is_partitioned
from llavaction.processing.processor import Processor
from llavaction.training.spec import TrainingRun
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import dump_line, read_json, write_json

logger = logging.getLogger(__name__)

FOLDER = "evaluations"
"""Folder of a run that holds `step-N/` for each evaluation, laid out as `llavaction evaluate` does."""
QUESTIONS_FILE = "questions.json"
"""Beside them: which questions all of them ask."""


class Evaluations(TrainerCallback):
    """Evaluates every `train.eval_every` steps and after the last one, in all processes.

    The metrics are logged as `eval/TASK/METRIC` before the step's checkpoint is written. Training goes on as if
    nothing had been: weights, random states and the modules' modes are as before.
    """

    def __init__(self, run: TrainingRun, processor: Processor, trainer: Trainer) -> None:
        """Read the questions, so that what is wrong with them shows before the first step.

        Raises:
            ConfigError: when a task needs action heads that the model has not.
            DataError: when a file is missing or broken, or its classes are not those of the mixture.
        """
        self._folder = run.folder / FOLDER
        self._run = run
        self._processor = processor
        self._trainer = trainer
        self._questions = read_questions(run.evaluation, run.classes, "the mixture")
        check_heads(run.evaluation, whole_model(trainer.model))

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Forget steps behind the checkpoint that a run goes on from, and catch up on its own if that was cut off."""
        from_first(partial(_prepare, self._folder, _record(self._run.evaluation, self._questions), state.global_step))
        done = self._of_step(state.global_step) / METRICS_FILE
        if self._is_due(state) and not from_first(done.exists):
            self._evaluate(state, control)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if not self._is_due(state):
            return
        if control.should_training_stop and state.global_step < state.max_steps:
            logger.warning("step %d is evaluated when the run goes on, as it was told to stop", state.global_step)
            return
        self._evaluate(state, control)

    def _is_due(self, state: TrainerState) -> bool:
        step = state.global_step
        return step > 0 and (step % self._run.train.eval_every == 0 or step == state.max_steps)

    def _of_step(self, step: int) -> Path:
        return self._folder / f"step-{step}"

    def _evaluate(self, state: TrainerState, control: TrainerControl) -> None:
        start = time.monotonic()
        folder = self._of_step(state.global_step)
        # What a killed evaluation left may be of other weights.
        from_first(partial(shutil.rmtree, folder, ignore_errors=True))
        model: Any = self._trainer.model
        _announce_action_vectors(whole_model(model))
        with _as_it_was(model), self._trainer.accelerator.autocast():
            answerer = Answerer(whole_model(model), self._processor, self._run.classes, self._run.evaluation.tree_size)
            metrics = evaluate(EvaluationRun(folder, answerer, self._run.video, self._run.evaluation, self._questions))
        logger.info("evaluated step %d in %.1f s", state.global_step, time.monotonic() - start)
        # A log line takes back that the step's own is to come.
        should_log = control.should_log
        self._trainer.log({f"eval/{task}/{name}": value for task, of in metrics.items() for name, value in of.items()})
        control.should_log = should_log


def whole_model(model: Any) -> Any:
    """The model that answers: with adapters, the base that they were put into."""
    return model.get_base_model() if isinstance(model, AdaptedModel) else model


@contextmanager
def _as_it_was(model: torch.nn.Module) -> Iterator[None]:
    """Put the model's mode and the random states back."""
    was_training = model.training
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        model.train(was_training)


def _announce_action_vectors(model: Any) -> None:
    """Tell ZeRO-3 that the model reads these weights outside of the part that they belong to.

    It would find out by itself in the first step; but a run that goes on may have to evaluate before.
    """
    if is_partitioned(model) and model.action_token is not None and model.action_token.embedding is not None:
        import deepspeed

        deepspeed.zero.register_external_parameter(model, model.action_token.embedding)


def _record(config: EvaluationConfig, questions: Questions) -> dict[str, Any]:
    """Which questions are asked, and what they are."""
    return {
        "seed": config.seed,
        "tasks": {
            name: {
                "samples": config.tasks[name].samples,
                "sha256": content_sha256(dump_line(sample.to_row()) for sample in samples),
                "sample_ids": [sample.sample_id for sample in samples],
            }
            for name, samples in questions.items()
        },
    }


def _prepare(folder: Path, record: dict[str, Any], step: int) -> None:
    """Write which questions the run asks, and delete evaluations of steps that come again.

    Raises:
        ConfigError: when the run has asked other questions so far.
    """
    path = folder / QUESTIONS_FILE
    if path.exists() and read_json(path) != record:
        raise ConfigError(
            f"{path}: so far this run was evaluated with other questions, and its metrics would not compare; choose "
            f"another folder with output=FOLDER, or delete {folder}"
        )
    write_json(path, record)
    for later in folder.glob("step-*"):
        if re.fullmatch(r"step-\d+", later.name) and int(later.name.removeprefix("step-")) > step:
            shutil.rmtree(later)
