"""Checkpoints as folders: whole or not there, the newest and the best kept, what a run that goes on may change."""

import json
import os
import signal
from types import SimpleNamespace

import pytest
import torch
import yaml
from torch.utils.data import DataLoader
from transformers import TrainerControl, TrainerState

from llavaction.config.compose import resolved_yaml
from llavaction.training.agreement import write_whole
from llavaction.training.changes import FREE, check_continuation, differences, is_free
from llavaction.training.checkpoint_folders import (
    BEST_FILE,
    PROGRESS_FILE,
    Progress,
    checkpoint_folder,
    clean_up,
    file_sizes,
    newest_checkpoint,
    prune,
    record_best,
    saved_checkpoints,
    set_damaged_aside,
)
from llavaction.training.checkpointing import Checkpoints
from llavaction.training.config import TrainConfig
from llavaction.training.randomness import StepSeeds
from llavaction.training.steps import StepPlan, plan_steps
from llavaction.training.stopping import SIGNALS, StopSignals, shield_workers
from llavaction.training.zero_checkpoints import needs_conversion, reading_universal, zero_stage
from llavaction.utils.errors import CheckpointError, ConfigError
from tests.config.minimal import composed

PLAN = StepPlan(num_steps=8, batch_size=2, accumulation=1, num_processes=1)


def make_checkpoint(run_folder, step, **metrics):
    folder = checkpoint_folder(run_folder, step)
    folder.mkdir()
    (folder / "weights").write_text("x" * step)
    Progress(step, 2 * step, 2, 1, 0, metrics, file_sizes(folder)).save(folder)
    return folder


def names(run_folder):
    return sorted(path.name for path in run_folder.iterdir())


@pytest.fixture
def save(tmp_path):
    """Saves a step through `Checkpoints`, with the metrics that were logged at it."""
    config = TrainConfig(save_every=1, keep_checkpoints=2, keep_best_by="loss")
    checkpoints = Checkpoints(tmp_path, config, PLAN, 0, lambda folder: (folder / "processor").write_text("p"))

    def save(step, **metrics):
        if metrics:
            checkpoints.on_log(None, TrainerState(global_step=step), TrainerControl(), logs=metrics)
        checkpoints.save(step, lambda folder: [folder.mkdir(), (folder / "weights").write_text(f"{step}")])

    return save


def test_a_saved_checkpoint_is_whole_and_says_how_far_the_run_was(save, tmp_path):
    save(3, loss=2.5, grad_norm=float("inf"))
    newest = newest_checkpoint(tmp_path)
    assert newest.folder == tmp_path / "checkpoint-3"
    assert names(newest.folder) == ["processor", PROGRESS_FILE, "weights"]
    assert newest.progress == Progress(3, 6, 2, 1, 0, {"loss": 2.5}, {"processor": 1, "weights": 1})


def test_a_checkpoint_that_fails_in_the_middle_has_no_name(tmp_path):
    def fail(folder):
        folder.mkdir()
        (folder / "weights").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(tmp_path / "checkpoint-1", fail, lambda folder: None)
    assert names(tmp_path) == ["checkpoint-1.partial"] and newest_checkpoint(tmp_path) is None


def test_what_a_kill_left_is_removed_and_counted(tmp_path, caplog):
    make_checkpoint(tmp_path, 2)
    make_checkpoint(tmp_path, 4).rename(tmp_path / "checkpoint-4.partial")
    for name in ("checkpoint.partial", "checkpoint-2.converted"):
        (tmp_path / name).mkdir()
    caplog.set_level("INFO")
    assert clean_up(tmp_path) == 3 and clean_up(tmp_path) == 0
    assert names(tmp_path) == ["checkpoint-2"]
    assert "removed 3 unfinished checkpoints" in caplog.text


def test_the_newest_is_by_number(tmp_path):
    assert newest_checkpoint(tmp_path / "new_run") is None
    for step in (9, 100, 20):
        make_checkpoint(tmp_path, step)
    (tmp_path / "checkpoint").mkdir()
    assert [saved.progress.step for saved in saved_checkpoints(tmp_path)] == [9, 20, 100]


@pytest.mark.parametrize("break_it", [lambda path: path.write_text("xx"), lambda path: path.unlink()])
def test_a_damaged_checkpoint_is_not_gone_on_from(tmp_path, caplog, break_it):
    for step in (3, 6):
        make_checkpoint(tmp_path, step)
    break_it(tmp_path / "checkpoint-6" / "weights")
    assert newest_checkpoint(tmp_path).progress.step == 3
    set_damaged_aside(tmp_path)
    assert names(tmp_path) == ["checkpoint-3", "checkpoint-6.damaged"]
    assert "checkpoint-6/weights" in caplog.text


def test_a_checkpoint_of_another_kind_is_an_error(tmp_path):
    (tmp_path / "checkpoint-5").mkdir()
    with pytest.raises(CheckpointError, match=r"checkpoint-5/progress\.json cannot be read"):
        newest_checkpoint(tmp_path)


def test_the_newest_and_the_best_are_kept(save, tmp_path, caplog):
    for step, loss in ((1, 3.0), (2, 1.0), (3, 2.0), (4, 1.0)):
        save(step, loss=loss)
    save(5)
    assert names(tmp_path) == [BEST_FILE, "checkpoint-2", "checkpoint-4", "checkpoint-5"]
    best = json.loads((tmp_path / BEST_FILE).read_text())
    assert best == {"metric": "loss", "value": 1.0, "step": 2, "checkpoint": "checkpoint-2"}
    assert "train.keep_best_by = loss has no value at step 5" in caplog.text
    save(6, loss=0.5)
    assert names(tmp_path) == [BEST_FILE, "checkpoint-5", "checkpoint-6"]


def test_higher_is_better_for_all_but_losses(tmp_path):
    for step, accuracy, loss in ((1, 0.2, 0.4), (2, 0.6, 0.3), (3, 0.5, 0.7)):
        make_checkpoint(tmp_path, step, **{"eval/mqa/accuracy": accuracy, "eval/mqa/loss": loss, "lm_loss": -loss})
    best = {metric: record_best(tmp_path, metric) for metric in ("eval/mqa/accuracy", "eval/mqa/loss", "lm_loss")}
    assert {metric: saved.progress.step for metric, saved in best.items()} == {
        "eval/mqa/accuracy": 2,
        "eval/mqa/loss": 2,
        "lm_loss": 3,
    }
    assert record_best(tmp_path, "unknown") is None and not (tmp_path / BEST_FILE).exists()


def test_a_metric_that_comes_later_still_counts(save, tmp_path):
    save(1, loss=3.0)
    Progress(2, 4, 2, 5, 0, {"grad_norm": 1.0}, {}).save(tmp_path / "checkpoint-2")
    config = TrainConfig(save_every=1, keep_best_by="loss")
    later = Checkpoints(tmp_path, config, PLAN, 0, lambda folder: None)
    later.on_log(None, TrainerState(global_step=2), TrainerControl(), logs={"loss": 1.0})
    later.on_log(None, TrainerState(global_step=2), TrainerControl(), logs={"train_runtime": 9.0})
    progress = Progress.load(tmp_path / "checkpoint-2")
    assert progress == Progress(2, 4, 2, 5, 0, {"grad_norm": 1.0, "loss": 1.0}, {})
    assert json.loads((tmp_path / BEST_FILE).read_text())["step"] == 2


def test_pruning_deletes_whole_checkpoints_only_when_renamed(tmp_path, monkeypatch):
    for step in (1, 2, 3):
        make_checkpoint(tmp_path, step)
    deleted = []
    monkeypatch.setattr("shutil.rmtree", deleted.append)
    prune(tmp_path, 2, None)
    assert deleted == [tmp_path / "checkpoint-1.partial"]


def test_parts_of_another_disk_are_missed(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    checkpoints = Checkpoints(tmp_path, TrainConfig(save_every=1), PLAN, 2, lambda folder: None)

    def write(folder):
        (folder / "global_step1").mkdir(parents=True)
        (folder / "global_step1" / "zero_pp_rank_0_mp_rank_00_optim_states.pt").touch()

    with pytest.raises(CheckpointError, match="states of 1 of 2 processes; output= must be a folder on a disk"):
        checkpoints.save(1, write)
    assert newest_checkpoint(tmp_path) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keep_best_by": "loss"}, "set train.save_every"),
        ({"keep_best_by": "eval/mqa/accuracy", "save_every": 5}, "set train.eval_every"),
        ({"keep_best_by": "eval/mqa/accuracy", "save_every": 6, "eval_every": 4}, "make one of them|a multiple"),
    ],
)
def test_a_best_that_could_not_be_found(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**changes)
    TrainConfig(keep_best_by="eval/mqa/accuracy", save_every=5, eval_every=10)


# Going on with changed settings.


@pytest.mark.parametrize(
    ("batch_size", "num_processes", "accumulation"), [(2, 2, 3), (2, 1, 6), (4, 3, 1), (1, 4, 3), (12, 1, 1)]
)
def test_the_samples_of_a_step_stay(batch_size, num_processes, accumulation):
    plan = plan_steps(TrainConfig(batch_size=batch_size, max_steps=5), 100, num_processes, samples_per_step=12)
    assert plan == StepPlan(5, batch_size, accumulation, num_processes)
    assert plan.samples_per_step == 12


def test_samples_that_cannot_be_dealt_out():
    with pytest.raises(ConfigError, match=r"12 samples per step .* multiple of the 10 .* set train\.batch_size"):
        plan_steps(TrainConfig(batch_size=2), 100, 5, samples_per_step=12)
    with pytest.raises(ConfigError, match="multiple of the 16"):
        plan_steps(TrainConfig(batch_size=16), 100, 1, samples_per_step=12)


def test_every_key_that_may_change_exists():
    config = yaml.safe_load(resolved_yaml(composed("train")))
    keys = {*differences({}, config), *config}
    for name in FREE:
        assert name.startswith("deepspeed.") or any(key == name or key.startswith(f"{name}.") for key in keys), name


def test_what_changes_the_result_is_refused_and_the_rest_logged(tmp_path, caplog):
    caplog.set_level("INFO")
    lr, zero = {"vision": 2e-6, "decoder": 1e-5}, {"stage": 2, "overlap_comm": True}
    before = {"train": {"lr": lr, "num_workers": 3}, "deepspeed": {"zero_optimization": zero}}
    assert check_continuation(tmp_path, yaml.safe_dump(before)) is False
    make_checkpoint(tmp_path, 4)
    with pytest.raises(ConfigError, match=r"config\.yaml is missing"):
        check_continuation(tmp_path, yaml.safe_dump(before))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(before))
    assert check_continuation(tmp_path, yaml.safe_dump(before)) is True
    zero3 = {"zero_optimization": {"stage": 3}}
    other = {"train": {"lr": {**lr, "vision": 3e-6}, "num_workers": 1, "seed": 5}, "deepspeed": zero3}
    with pytest.raises(ConfigError) as error:
        check_continuation(tmp_path, yaml.safe_dump(other))
    text = str(error.value)
    assert "goes on from checkpoint-4" in text and "train.lr.vision = 2e-06, now 3e-06" in text
    assert "deepspeed.zero_optimization.stage = 2, now 3" in text and "train.seed = (not set), now 5" in text
    assert "decoder" not in text and "num_workers" not in text and "overlap_comm" not in text
    free = {**before, "train": {"lr": lr, "num_workers": 1}, "output": "elsewhere"}
    assert check_continuation(tmp_path, yaml.safe_dump(free)) is True
    assert "goes on with train.num_workers = 1 instead of 3" in caplog.text


def test_other_versions_are_told(tmp_path, caplog):
    make_checkpoint(tmp_path, 4)
    (tmp_path / "config.yaml").write_text("{}")
    record = {"versions": {"torch": "1.0"}, "git_commit": None}
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert check_continuation(tmp_path, "{}")
    assert f"torch {torch.__version__} instead of 1.0" in caplog.text


def test_a_finished_run_does_not_go_on(tmp_path):
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(ConfigError, match="this run is finished"):
        check_continuation(tmp_path, "{}")


def test_free_keys():
    assert is_free("paths.videos") and is_free("train.num_workers") and is_free("deepspeed.zero_optimization.x")
    assert not is_free("train.lr.lora") and not is_free("deepspeed.zero_optimization.stage") and not is_free("pathsx")


def test_only_split_states_are_converted(tmp_path, monkeypatch):
    make_checkpoint(tmp_path, 1)
    (saved,) = saved_checkpoints(tmp_path)
    split = SimpleNamespace(progress=Progress(1, 2, 2, 2, 3))
    assert needs_conversion(split) and not needs_conversion(saved)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not needs_conversion(split) and not needs_conversion(saved)
    config = {"zero_optimization": {"stage": 3}, "checkpoint": {"tag_validation": "Fail"}}
    assert zero_stage(config) == 3 and zero_stage({}) == 0
    assert reading_universal(config)["checkpoint"] == {"tag_validation": "Fail", "load_universal": True}
    assert "load_universal" not in config["checkpoint"]


# Being told to stop.


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_run_after_the_step(number):
    args, control = SimpleNamespace(device=torch.device("cpu")), TrainerControl()
    before = signal.getsignal(number)
    with StopSignals() as stop:
        stop.on_step_end(args, TrainerState(global_step=1, max_steps=5), control)
        assert not control.should_save
        os.kill(os.getpid(), number)
        stop.on_step_end(args, TrainerState(global_step=5, max_steps=5), control)
        assert stop.stopped_at is None and not control.should_save
        stop.on_step_end(args, TrainerState(global_step=2, max_steps=5), control)
    assert stop.stopped_at == 2 and control.should_save and control.should_training_stop
    assert signal.getsignal(number) is before


class SignalledItems(torch.utils.data.Dataset):
    """Items during whose loading the loading process gets signals that are not from the one it loads for."""

    def __len__(self):
        return 1

    def __getitem__(self, item):
        for number in SIGNALS:
            os.kill(os.getpid(), number)
        return os.environ["SET_BY_WORKER_INIT"]


def test_loading_processes_outlive_the_signals():
    def before(worker_id):
        os.environ["SET_BY_WORKER_INIT"] = f"worker {worker_id}"

    loader = DataLoader(SignalledItems(), num_workers=1, worker_init_fn=before, batch_size=None)
    # As accelerate wraps it.
    wrapped = SimpleNamespace(base_dataloader=loader)
    assert shield_workers(wrapped) is wrapped
    assert list(loader) == ["worker 0"]


def test_draws_depend_on_the_step_alone():
    def draw(seed, step):
        StepSeeds(seed).on_step_begin(None, TrainerState(global_step=step), TrainerControl())
        return torch.rand(3).tolist()

    first = draw(0, 7)
    assert draw(0, 8) != first and draw(1, 7) != first and draw(0, 7) == first
