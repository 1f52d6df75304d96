"""Where log lines go: the metrics file always, trackers where asked for."""

import json
import math
from types import SimpleNamespace

import pytest

from llavaction.training import trackers
from llavaction.training.callbacks import MetricsLog, ProgressBar
from llavaction.training.config import TrainConfig, WandbMode
from llavaction.training.curves import draw_curves
from llavaction.training.trackers import MetricsFile, TensorBoardFolder, check_trackers
from llavaction.utils.errors import ConfigError

LINE = {
    "loss": 2.5,
    "grad_norm": math.inf,
    "lr_decoder": 1.23456789012e-9,
    "mfu": None,
    "samples_per_s": 3.0,
    "tokens_per_s": 600.0,
    "data_wait_share": 0.25,
    "epoch": 0.9,
}


def state_at(step, max_steps=20, first_process=True):
    return SimpleNamespace(global_step=step, max_steps=max_steps, is_world_process_zero=first_process)


def read_rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def log(tmp_path):
    return MetricsLog([MetricsFile(tmp_path / "metrics.jsonl")], epochs_per_step=0.1)


def test_a_line_has_all_figures_and_null_for_unknown_ones(log, tmp_path, caplog):
    caplog.set_level("INFO")
    log.on_log(None, state_at(4), None, logs=dict(LINE))
    (row,) = read_rows(tmp_path)
    assert row.pop("time_s") >= 0
    assert row == {**LINE, "step": 4, "epoch": 0.4, "grad_norm": None, "lr_decoder": 1.2345679e-9}
    assert "step 4 of 20: loss 2.5000, 3 samples/s, 600 tokens/s, 25% of the time waited for data" in caplog.text
    assert "MFU" not in caplog.text


def test_lines_of_evaluations_are_kept_and_other_lines_are_not(log, tmp_path):
    log.on_log(None, state_at(5), None, logs={"eval/mqa/accuracy": 0.5})
    log.on_log(None, state_at(5), None, logs={"train_runtime": 3.0})
    log.on_log(None, state_at(5, first_process=False), None, logs=dict(LINE))
    (row,) = read_rows(tmp_path)
    assert row["step"] == 5 and row["eval/mqa/accuracy"] == 0.5


def test_a_resumed_run_forgets_lines_that_come_again(log, tmp_path):
    for step in (1, 2, 3):
        log.on_log(None, state_at(step), None, logs=dict(LINE))
    log.on_train_begin(None, state_at(2), None)
    log.on_log(None, state_at(3), None, logs=dict(LINE))
    assert [row["step"] for row in read_rows(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize(("step", "is_logged"), [(19, False), (20, True)])
def test_the_last_step_is_logged_whatever_its_number(log, step, is_logged):
    control = SimpleNamespace(should_log=False)
    log.on_step_end(None, state_at(step), control)
    assert control.should_log is is_logged


@pytest.mark.thorough
def test_a_picture_of_the_run_at_its_end(log, tmp_path):
    for step in (1, 2, 3):
        log.on_log(None, state_at(step), None, logs=LINE | {"loss": 1 / step, "eval/mqa/accuracy": 0.1 * step})
    log.on_train_end(None, state_at(3), None)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_is_not_lost_to_its_picture(log, tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("no font")

    monkeypatch.setattr(trackers, "draw_curves", fail)
    log.on_log(None, state_at(1), None, logs=dict(LINE))
    log.on_train_end(None, state_at(1), None)
    assert "curves.png could not be drawn" in caplog.text and "no font" in caplog.text


@pytest.mark.thorough
def test_losses_of_zero_can_be_drawn(tmp_path):
    draw_curves([{"step": 1, "loss": 0.0}, {"step": 2, "loss": 0.5}], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").exists()


def test_the_progress_bar_shows_loss_and_speed(monkeypatch):
    bar = ProgressBar()
    bar.on_train_begin(None, state_at(0), None)
    bar.on_step_end(None, state_at(4), None)
    bar.on_log(None, state_at(4), None, logs=dict(LINE))
    (task,) = bar._progress.tasks
    assert task.description == "training: loss 2.5000, 3 samples/s" and task.completed == 4
    bar.on_log(None, state_at(4), None, logs={"train_runtime": 1.0})
    bar.on_train_end(None, state_at(4), None)


def test_tensorboard_without_its_package_is_refused(monkeypatch):
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    check_trackers(TrainConfig())
    with pytest.raises(ConfigError, match=r"pip install 'llavaction\[tensorboard\]'"):
        check_trackers(TrainConfig(tensorboard=True))


def test_a_resumed_run_goes_on_in_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for first, last in ((1, 3), (3, 4)):
        folder = TensorBoardFolder(tmp_path)
        folder.start(first - 1)
        for step in range(first, last + 1):
            folder.add({"step": step, "loss": first + step / 10, "mfu": None, "eval/mqa/accuracy": 0.5})
        folder.finish()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["scalars"] == ["train/loss", "eval/mqa/accuracy"]
    found = [(event.step, round(event.value, 4)) for event in events.Scalars("train/loss")]
    assert found == [(1, 1.1), (2, 1.2), (3, 3.3), (4, 3.4)]


@pytest.mark.thorough
def test_wandb_online_without_a_key_is_refused(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"train\.wandb=online: .*WANDB_API_KEY.*train\.wandb=offline"):
        check_trackers(TrainConfig(wandb=WandbMode.ONLINE))
