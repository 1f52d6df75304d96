"""Evaluation while training: nothing else changes, and the rows are those of `llavaction evaluate`."""

import json
import os
import signal
import time

import pytest

from llavaction.testing.processes import fork_command, run_commands
from tests.integration.runs import assert_same_rows, read_rows

pytestmark = pytest.mark.slow

EVALUATION = ["evaluation=toy_kitchen_head", "evaluation.num_workers=0", "evaluation.batch_size=3"]
EVALUATION += ["evaluation.max_new_tokens=6"]
# ZeRO-3 keeps small weights whole, and gathered ones for a while, unless told otherwise; all weights are small here.
LIMITS = ("param_persistence_threshold", "max_live_parameters", "max_reuse_distance", "prefetch_bucket_size")
ZERO3 = ["deepspeed=zero3", *(f"+deepspeed.zero_optimization.stage3_{limit}=0" for limit in LIMITS)]
LOSSES = ("loss", "lm_loss", "verb_loss", "noun_loss", "action_loss", "grad_norm")


def run(*commands, num_processes=1):
    for result in run_commands(commands, num_processes=num_processes):
        assert result.returncode == 0, f"{' '.join(result.arguments)}\n{result.output[-6000:]}"


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def losses(folder):
    lines = [line for line in read_lines(folder / "metrics.jsonl") if "loss" in line]
    return [{name: line[name] for name in LOSSES} for line in lines]


def assert_close(found, expected, rel):
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert row == pytest.approx(other, rel=rel)


@pytest.fixture(scope="module")
def evaluated(kitchen, train_arguments, tmp_path_factory):
    """Runs with and without evaluations on one process, and an evaluation of the final checkpoint."""
    folder = tmp_path_factory.mktemp("evaluated")
    asked = [*EVALUATION, "evaluation.num_questions=7"]
    paths = ["paths=demo", f"paths.output={kitchen}", "video=toy_kitchen"]
    run(
        [*train_arguments, f"output={folder}/without"],
        [*train_arguments, f"output={folder}/with", *asked, "train.eval_every=3", "train.log_every=2"],
        ["evaluate", *paths, *asked, f"model.checkpoint={folder}/without/checkpoint", f"output={folder}/alone"],
    )
    return folder


def test_training_goes_on_as_if_nothing_had_been(evaluated):
    weights = [(evaluated / name / "checkpoint" / "model.safetensors").read_bytes() for name in ("with", "without")]
    assert weights[0] == weights[1]
    lines = read_lines(evaluated / "with" / "metrics.jsonl")
    assert [line["step"] for line in lines if "eval/direct/exact" in line] == [3, 4]
    assert [line["step"] for line in lines if "loss" in line] == [2, 4]


def test_the_rows_are_those_of_a_later_evaluation(evaluated):
    steps = evaluated / "with" / "evaluations"
    asked = json.loads((steps / "questions.json").read_text())["tasks"]
    assert {name: len(task["sample_ids"]) for name, task in asked.items()} == dict.fromkeys(asked, 7)
    # The last bits of a number may depend on where in memory it is computed.
    assert_same_rows(steps / "step-4", evaluated / "alone")
    assert read_rows(steps / "step-4") != read_rows(steps / "step-3")
    assert (steps / "step-4" / "metrics.json").read_bytes() == (evaluated / "alone" / "metrics.json").read_bytes()


@pytest.mark.parametrize("more", [["deepspeed=zero2"], ZERO3], ids=["zero2", "zero3"])
def test_processes_keep_in_step_and_train_on(train_arguments, evaluated, tmp_path, more):
    # 7 questions in batches of 3 for two processes: one has a question less, and a batch with one question.
    arguments = [*train_arguments, "train.batch_size=2", *more]
    asked = [*EVALUATION, "evaluation.num_questions=7", "train.eval_every=2", "train.gradient_checkpointing=true"]
    run([*arguments, f"output={tmp_path}/with", *asked], num_processes=2)
    assert_close(losses(tmp_path / "with"), losses(evaluated / "without"), rel=1e-4)
    assert_same_rows(tmp_path / "with" / "evaluations" / "step-4", evaluated / "alone")


def test_split_weights_with_adapters_and_one_question(train_arguments, evaluated, tmp_path):
    arguments = [
        *train_arguments,
        "model=checkpoint",
        f"model.checkpoint={evaluated}/without/checkpoint",
        "lora=lora",
        "lora.rank=4",
        "train.lr={projector:1e-3,action:1e-3,lora:1e-3}",
        "train.batch_size=2",
        "train.max_steps=2",
        *ZERO3,
        *EVALUATION,
        "evaluation.num_questions=1",
        "train.eval_every=1",
        "train.save_every=1",
        f"output={tmp_path}/run",
    ]
    run(arguments, num_processes=2)
    steps = [tmp_path / "run" / "evaluations" / f"step-{step}" for step in (1, 2)]
    expected, lines = (
        [(read_rows(step), (step / "metrics.json").read_bytes()) for step in steps],
        losses(tmp_path / "run"),
    )
    # As it is when the evaluation behind a checkpoint was cut off: it comes before anything is trained.
    for name in ("checkpoint", "checkpoint-2"):
        (tmp_path / "run" / name).rename(tmp_path / name)
    (tmp_path / "run" / "evaluations" / "step-1" / "metrics.json").unlink()
    run(arguments, num_processes=2)
    assert [(read_rows(step), (step / "metrics.json").read_bytes()) for step in steps] == expected
    assert losses(tmp_path / "run") == lines


def test_an_evaluation_that_was_killed_is_done_again(train_arguments, evaluated, tmp_path):
    asked = [*EVALUATION, "evaluation.num_questions=7", "evaluation.batch_size=1", "train.eval_every=3"]
    arguments = [*train_arguments, f"output={tmp_path}", *asked, "train.save_every=2"]
    part = tmp_path / "evaluations" / "step-3" / "rows" / "mqa_hard.part-0-of-1.jsonl"
    command = fork_command(arguments)
    until = time.monotonic() + 60
    while not part.exists() or not part.stat().st_size:
        assert time.monotonic() < until, command.output()
        time.sleep(0.005)
    os.kill(command.pids[0], signal.SIGKILL)
    assert command.wait().returncode == -signal.SIGKILL
    assert not (tmp_path / "evaluations" / "step-3" / "metrics.json").exists()
    run(arguments)
    assert_same_rows(tmp_path / "evaluations" / "step-3", evaluated / "with" / "evaluations" / "step-3")
    weights = [folder / "checkpoint" / "model.safetensors" for folder in (tmp_path, evaluated / "without")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
