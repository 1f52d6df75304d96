"""Runs that are killed or told to stop go on as if nothing had happened, also on another number of processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from llavaction.testing.processes import command_environment, fork_command, free_port, run_commands
from tests.integration.runs import SMALL, assert_same_losses, read_losses, succeed

pytestmark = pytest.mark.slow

NUM_STEPS = 4
ENGINES = {
    "none": [],
    "zero2": ["deepspeed=zero2"],
    # Some weights are split, the smallest stay whole on each process.
    "zero3": ["deepspeed=zero3", "+deepspeed.zero_optimization.stage3_param_persistence_threshold=500"],
}
RECORDS = ("config.yaml", "run.json", "samples.jsonl", "metrics.jsonl")


@pytest.fixture(scope="module")
def arguments(train_arguments):
    """A run on two processes whose parts differ in their rates and decay; add `output=` and the engine."""
    return [
        *train_arguments,
        *SMALL,
        f"train.max_steps={NUM_STEPS}",
        "train.batch_size=2",
        "train.weight_decay=0.3",
        "train.lr={vision:1e-3,projector:2e-3,decoder:3e-3,action:4e-3}",
        "train.keep_checkpoints=9",
    ]


@pytest.fixture(scope="module")
def uninterrupted(arguments, tmp_path_factory):
    """The folder of such a run with each engine."""
    folders = {engine: tmp_path_factory.mktemp(engine) for engine in ENGINES}
    for engine, folder in folders.items():
        succeed([*arguments, *ENGINES[engine], "train.save_every=2", f"output={folder}"], num_processes=2)
    return folders


def wait_for(condition, is_running, timeout_s=120):
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert is_running(), "the run ended before it could be ended"
        assert time.monotonic() < end, "too late"
        time.sleep(0.0005)
    return found


def copy_at(source, folder, step):
    """The folder of a run as a kill leaves it, right after the checkpoint of a step."""
    for name in RECORDS:
        shutil.copy(source / name, folder)
    shutil.copytree(source / f"checkpoint-{step}", folder / f"checkpoint-{step}")


def weights(folder):
    return load_file(folder / "checkpoint" / "model.safetensors")


def assert_same_ending(folder, expected):
    """Bit for bit the same weights, and each step once in the log."""
    found, wanted = weights(folder), weights(expected)
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if not torch.equal(found[name], wanted[name])] == []
    losses = read_losses(folder)
    assert losses == read_losses(expected) and len(losses) == NUM_STEPS


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_killed_while_it_saves(arguments, uninterrupted, tmp_path, engine):
    command = [*arguments, *ENGINES[engine], "train.save_every=1", f"output={tmp_path}"]
    later = "checkpoint-[!1].partial"  # there is one to go on from
    unfinished = []
    while not unfinished:  # a kill that comes just after the end of a save is followed by another
        started = fork_command(command, num_processes=2)
        alive = started.pids[0]
        wait_for(lambda: list(tmp_path.glob(later)), lambda alive=alive: is_alive(alive))
        for pid in started.pids:
            os.killpg(pid, signal.SIGKILL)
        assert started.wait().returncode == -signal.SIGKILL
        unfinished = list(tmp_path.glob(later))
        assert not (tmp_path / "checkpoint").exists()
    step = int(unfinished[0].name.removesuffix(".partial").removeprefix("checkpoint-"))
    assert not (tmp_path / f"checkpoint-{step}").exists()
    succeed(command, num_processes=2)
    log = read(tmp_path / "log.txt")
    assert "removed 1 unfinished checkpoints" in log and f"continues from {tmp_path / f'checkpoint-{step - 1}'}" in log
    assert_same_ending(tmp_path, uninterrupted[engine])
    assert not list(tmp_path.glob("*.partial"))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_goes_on_with_another_number_of_processes(arguments, uninterrupted, tmp_path, monkeypatch, engine):
    copy_at(uninterrupted[engine], tmp_path, 2)
    # DeepSpeed wants to be told of a single process too.
    for name, value in {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_PORT", str(free_port()))
    command = [*arguments, *ENGINES[engine], "train.save_every=2", f"output={tmp_path}"]
    wrong, right = run_commands([[*command, "train.batch_size=3"], command])
    assert wrong.returncode == 2 and "goes on with the 4 samples per step" in wrong.output
    assert right.returncode == 0, right.output[-6000:]
    assert "the number of processes is 1 instead of 2" in right.output
    assert ("it is converted for 1" in right.output) == (engine != "none")
    assert_same_losses(tmp_path, uninterrupted[engine])
    found, wanted = weights(tmp_path), weights(uninterrupted[engine])
    for name, tensor in wanted.items():
        assert torch.allclose(found[name], tensor, atol=1e-4), name
    progress = json.loads((tmp_path / "checkpoint-4" / "progress.json").read_text())
    assert (progress["num_processes"], progress["num_samples_used"]) == (1, 4 * NUM_STEPS)
    assert not list(tmp_path.glob("*.converted*"))


def test_a_signal_to_one_process_stops_all(arguments, uninterrupted, tmp_path):
    command = [*arguments, f"output={tmp_path}"]
    started = fork_command(command, num_processes=2)
    wait_for(lambda: "what trains" in read(tmp_path / "log_rank1.txt"), lambda: is_alive(started.pids[1]))
    os.kill(started.pids[1], signal.SIGUSR1)
    result = started.wait()
    assert result.returncode == 143, result.output[-6000:]
    assert "told to stop by a signal to another process" in read(tmp_path / "log.txt")
    assert_stopped(tmp_path)
    succeed(command, num_processes=2)
    assert_same_ending(tmp_path, uninterrupted["none"])


def test_torchrun_passes_sigterm_on(arguments, uninterrupted, tmp_path):
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={free_port()}", "-m", "llavaction"]
    # torchrun sends it to the loading processes as well.
    command = [*arguments, "train.num_workers=1", f"output={tmp_path}"]
    process = subprocess.Popen(
        [sys.executable, *launcher, *command],
        env=command_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        logs = [tmp_path / "log.txt", tmp_path / "log_rank1.txt"]
        wait_for(lambda: all("what trains" in read(log) for log in logs), lambda: process.poll() is None)
        process.terminate()
        # torchrun's own code, whatever its processes end with.
        assert process.wait(timeout=60) == 1
    finally:
        process.kill()
    assert all("told to stop by SIGTERM" in read(log) for log in logs)
    assert_stopped(tmp_path)
    succeed(command, num_processes=2)
    assert_same_ending(tmp_path, uninterrupted["none"])


def read(path):
    return path.read_text() if path.exists() else ""


def assert_stopped(folder):
    """One whole checkpoint before the end, of the last step that was logged."""
    (saved,) = folder.glob("checkpoint*")
    assert saved.name == f"checkpoint-{len(read_losses(folder))}" and saved.name != f"checkpoint-{NUM_STEPS}"
    assert (saved / "progress.json").is_file()


def test_a_run_does_not_go_on_as_another(arguments, uninterrupted, tmp_path):
    copy_at(uninterrupted["none"], tmp_path, 2)
    before = (tmp_path / "config.yaml").read_bytes()
    changed = [*arguments, "train.save_every=2", "train.lr.decoder=1e-4", f"output={tmp_path}"]
    finished = [*arguments, "train.save_every=2", f"output={uninterrupted['none']}"]
    refused, done = run_commands([changed, finished], num_processes=2)
    assert refused.returncode == 2 and "train.lr.decoder = 0.003, now 0.0001" in refused.output
    assert (tmp_path / "config.yaml").read_bytes() == before
    assert done.returncode == 2 and "this run is finished" in done.output
