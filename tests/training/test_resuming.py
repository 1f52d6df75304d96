"""Runs in this process that stop and go on: what they leave, and that they end as if they had not stopped."""

import json
import shutil
import signal

import pytest
import torch
from safetensors.torch import load_file

from llavaction.evaluation.answering import Answerer
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import ActionLabel, Role, Sample, Turn, View
from llavaction.testing.tiny import tiny_model_config
from llavaction.training import run as run_module
from llavaction.training.callbacks import ProgressBar
from llavaction.training.config import LearningRates, Precision, TrainConfig
from llavaction.training.run import train
from llavaction.training.spec import TrainingRun
from llavaction.training.stopping import RunStopped
from llavaction.utils.errors import ConfigError
from llavaction.video.layout import VideoConfig, VideoLayout

pytestmark = pytest.mark.thorough

CLASSES = ClassTable(("take", "put"), ("cup", "plate"), ("take:cup", "put:plate"), {})


@pytest.fixture(scope="module")
def make_run(videos, clips):
    """Runs of six steps over five clips."""
    turns = (Turn(Role.USER, "What am I doing?"), Turn(Role.ASSISTANT, "take cup"))
    samples = [
        Sample(f"direct/{n}", View.DIRECT, str(n), clip, turns, ActionLabel(0, 1, n % 2))
        for n, clip in enumerate(clips[:5])
    ]

    def make(folder, **changes):
        config = {
            "max_steps": 6,
            "batch_size": 2,
            "precision": Precision.FP32,
            "gradient_checkpointing": False,
            "num_workers": 0,
            "log_every": 1,
            "save_every": 2,
            "keep_checkpoints": 9,
            "weight_decay": 0.1,
            "lr": LearningRates(*[1e-3] * 5),
        }
        train_config = TrainConfig(**{**config, **changes})
        video = VideoConfig(str(videos), layout=VideoLayout.WHOLE, num_frames=2)
        return TrainingRun(folder, samples, CLASSES, video, tiny_model_config(), train_config, {})

    return make


@pytest.fixture(scope="module")
def whole(make_run, tmp_path_factory):
    """The folder of a run that was not stopped."""
    folder = tmp_path_factory.mktemp("whole")
    train(make_run(folder))
    return folder


def copy_checkpoints(source, folder, *steps):
    """The folder as a kill leaves it, right after the last of these checkpoints."""
    for step in steps:
        shutil.copytree(source / f"checkpoint-{step}", folder / f"checkpoint-{step}")
    shutil.copy(source / "metrics.jsonl", folder)


def assert_same_ending(folder, expected):
    found, wanted = (load_file(path / "checkpoint" / "model.safetensors") for path in (folder, expected))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    rows, wanted_rows = ([json.loads(line) for line in (path / "metrics.jsonl").open()] for path in (folder, expected))
    losses, wanted_losses = ([(row["step"], row["loss"]) for row in lines] for lines in (rows, wanted_rows))
    assert losses == wanted_losses


def test_a_checkpoint_holds_what_evaluation_and_going_on_need(whole):
    names = {path.name for path in (whole / "checkpoint-2").iterdir()}
    assert names >= {"model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json", "progress.json"}
    # Neither pickled arguments nor random states, which only reading arbitrary pickles could bring back.
    assert not [name for name in names if name.startswith(("training_args", "rng_state"))]
    progress = json.loads((whole / "checkpoint-4" / "progress.json").read_text())
    assert (progress["step"], progress["num_samples_used"], progress["samples_per_step"]) == (4, 8, 2)
    answerer = Answerer.load(whole / "checkpoint-2", dtype="float32", attention="sdpa", device=torch.device("cpu"))
    assert answerer.classes == CLASSES


@pytest.mark.parametrize("step", [2, 6])
def test_a_run_goes_on_from_any_checkpoint(whole, make_run, tmp_path, step):
    copy_checkpoints(whole, tmp_path, step)
    (tmp_path / "checkpoint-6.partial").mkdir()
    # How often it logs and saves is this run's own affair, as is how the samples of a step are dealt out.
    train(make_run(tmp_path, save_every=3, batch_size=1))
    assert sorted(path.name for path in tmp_path.glob("checkpoint*")) == [
        "checkpoint",
        f"checkpoint-{step}",
        *(["checkpoint-3", "checkpoint-6"] if step == 2 else []),
    ]
    if step == 6:
        assert_same_ending(tmp_path, whole)


def test_a_stopped_run_has_saved_its_last_step(whole, make_run, tmp_path, monkeypatch):
    class Pulled(ProgressBar):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == 2:
                signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "ProgressBar", Pulled)
        with pytest.raises(RunStopped, match="stopped after step 3 of 6"):
            train(make_run(tmp_path, save_every=0))
    assert [path.name for path in tmp_path.glob("checkpoint*")] == ["checkpoint-3"]
    train(make_run(tmp_path, save_every=0))
    assert_same_ending(tmp_path, whole)


def test_a_damaged_checkpoint_costs_some_steps_and_nothing_else(whole, make_run, tmp_path):
    copy_checkpoints(whole, tmp_path, 2, 4)
    weights = tmp_path / "checkpoint-4" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    train(make_run(tmp_path))
    assert_same_ending(tmp_path, whole)
    assert (tmp_path / "checkpoint-4.damaged").is_dir() and (tmp_path / "checkpoint-4").is_dir()


def test_the_best_is_kept_and_told(make_run, tmp_path, caplog):
    caplog.set_level("INFO")
    train(make_run(tmp_path, save_every=1, keep_checkpoints=1, keep_best_by="grad_norm"))
    norms = [json.loads(line)["grad_norm"] for line in (tmp_path / "metrics.jsonl").open()]
    step = norms.index(max(norms)) + 1
    best = json.loads((tmp_path / "best.json").read_text())
    assert (best["step"], best["checkpoint"]) == (step, f"checkpoint-{step}")
    assert best["value"] == pytest.approx(norms[step - 1])
    kept = {path.name for path in tmp_path.glob("checkpoint-*")}
    assert step < 6 and kept == {f"checkpoint-{step}", "checkpoint-6"}
    assert f"best by grad_norm: {tmp_path / f'checkpoint-{step}'}" in caplog.text


def test_another_size_of_steps_is_refused(whole, make_run, tmp_path):
    copy_checkpoints(whole, tmp_path, 2)
    with pytest.raises(ConfigError, match="goes on with the 2 samples per step"):
        train(make_run(tmp_path, batch_size=3))
