import contextlib
import dataclasses
import types

import pytest
import torch

from llavaction.evaluation.config import EvaluationConfig, TaskConfig, TaskName
from llavaction.model.config import ActionSupervision, ModelConfig
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import ActionLabel, ClipRef, Role, Sample, Turn, View
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.training import evaluating
from llavaction.training.config import TrainConfig
from llavaction.training.evaluating import Evaluations
from llavaction.training.spec import TrainingRun
from llavaction.utils.errors import ConfigError
from llavaction.utils.jsonl import read_json, write_jsonl
from llavaction.video.layout import VideoConfig

CLASSES = ClassTable(("take", "put"), ("cup",), ("0:0", "1:0"), {"take cup": "0:0"})
TURNS = (Turn(Role.USER, "What am I doing?"), Turn(Role.ASSISTANT, "take cup"))


class Trainer:
    """As much of a trainer as an evaluation needs; `log` takes back `should_log`, as transformers' does."""

    def __init__(self, model, control):
        self.model = model
        self.accelerator = types.SimpleNamespace(autocast=contextlib.nullcontext)
        self.control = control
        self.logged = []

    def log(self, logs):
        self.logged.append(logs)
        self.control.should_log = False


class World:
    """A run, its trainer, and an evaluation that draws random numbers instead of asking."""

    def __init__(self, folder, monkeypatch, model=None, task=TaskName.DIRECT):
        samples = [
            Sample(f"direct/{i}", View.DIRECT, str(i), ClipRef("v", 0.0, 1.0), TURNS, ActionLabel(0, 0, 0))
            for i in range(6)
        ]
        (folder / "sft").mkdir(parents=True)
        CLASSES.save(folder / "sft")
        write_jsonl(folder / "sft" / "q.jsonl", [sample.to_row() for sample in samples])
        tasks = {"mine": TaskConfig(task, str(folder / "sft" / "q.jsonl"))}
        train = TrainConfig(eval_every=4)
        evaluation = EvaluationConfig(tasks, num_questions=2)
        video, none = VideoConfig(folder="."), ModelConfig()
        self.run = TrainingRun(folder, [], CLASSES, video, none, train, {}, evaluation=evaluation)
        self.model = model or tiny_model()
        self.control = types.SimpleNamespace(should_log=True, should_training_stop=False)
        self.trainer = Trainer(self.model.train(), self.control)
        self.asked = []
        monkeypatch.setattr(evaluating, "evaluate", self.evaluate)

    def evaluate(self, run):
        assert not run.answerer.model.training and not list(run.folder.glob("*"))
        torch.rand(3)
        self.asked.append(run.folder.name)
        run.folder.mkdir(parents=True)
        (run.folder / "metrics.json").write_text("{}")
        return {"mine": {"exact": 0.5, "num_questions": 2}}

    def callback(self, **changes):
        run = dataclasses.replace(self.run, **changes)
        return Evaluations(run, tiny_processor(self.model), self.trainer)

    def begin(self, step, **changes):
        callback = self.callback(**changes)
        callback.on_train_begin(None, state_at(step), self.control)
        return callback

    def end_step(self, callback, step):
        callback.on_step_end(None, state_at(step), self.control)


def state_at(step):
    return types.SimpleNamespace(global_step=step, max_steps=10)


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def test_it_is_due_every_so_many_steps_and_after_the_last(world):
    callback = world.begin(0)
    for step in range(1, 11):
        world.end_step(callback, step)
    assert world.asked == ["step-4", "step-8", "step-10"]
    assert world.trainer.logged == 3 * [{"eval/mine/exact": 0.5, "eval/mine/num_questions": 2}]


def test_training_goes_on_as_if_nothing_had_been(world):
    callback = world.begin(0)
    state = torch.random.get_rng_state()
    world.end_step(callback, 4)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(module.training for module in world.model.modules())
    assert world.control.should_log


def test_which_questions_are_asked_is_written_down_and_kept(world, tmp_path):
    world.begin(0)
    record = read_json(tmp_path / "evaluations" / "questions.json")
    assert len(record["tasks"]["mine"]["sample_ids"]) == 2 and record["seed"] == 0
    world.begin(4)
    with pytest.raises(ConfigError, match="evaluated with other questions"):
        world.begin(4, evaluation=dataclasses.replace(world.run.evaluation, num_questions=3))


def test_a_run_that_goes_on_forgets_what_comes_again_and_makes_up_for_what_was_cut_off(world, tmp_path):
    for name in ("step-4", "step-8"):
        (tmp_path / "evaluations" / name / "rows").mkdir(parents=True)
    callback = world.begin(4)
    assert world.asked == ["step-4"]
    assert {path.name for path in (tmp_path / "evaluations").iterdir()} == {"questions.json", "step-4"}
    world.begin(4)
    assert world.asked == ["step-4"]
    (tmp_path / "evaluations" / "step-8" / "rows").mkdir(parents=True)
    world.end_step(callback, 8)
    assert world.asked == ["step-4", "step-8"]


def test_a_run_that_is_told_to_stop_leaves_the_evaluation_for_later(world):
    callback = world.begin(0)
    world.control.should_training_stop = True
    world.end_step(callback, 8)
    assert world.asked == []
    world.end_step(callback, 10)
    assert world.asked == ["step-10"]


def test_heads_that_are_asked_must_be_there(tmp_path, monkeypatch):
    model = tiny_model(supervision=ActionSupervision.NONE)
    with pytest.raises(ConfigError, match="'mine' asks the heads of the action token"):
        World(tmp_path, monkeypatch, model, TaskName.ACTION_HEAD).callback()
