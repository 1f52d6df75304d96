"""Commands in forks of a warm process are what they are alone, and do not disturb each other."""

import os
import signal
import time

import pytest

from llavaction.testing.processes import fork_command, run_commands
from tests.integration.runs import read_losses

pytestmark = pytest.mark.slow


def test_a_run_among_others_equals_one_alone(train_arguments, checkpoint, tmp_path):
    commands = [
        [*train_arguments, f"output={tmp_path / 'first'}"],
        [*train_arguments, f"output={tmp_path / 'wrong'}", "train.epochs=-1"],
        [*train_arguments, f"output={tmp_path / 'other'}", "train.seed=1", "train.max_steps=1"],
        [*train_arguments, f"output={tmp_path / 'last'}"],
    ]
    results = run_commands(commands)
    assert [result.returncode for result in results] == [0, 2, 0, 0]
    assert "train.epochs = -1" in results[1].output and "train.epochs" not in results[3].output
    assert all(0 < result.time_s < 120 for result in results)
    first, other, last = (read_losses(tmp_path / name) for name in ("first", "other", "last"))
    assert first == last == read_losses(checkpoint.parent)
    assert other != first[:1]


@pytest.fixture
def endless(train_arguments, tmp_path):
    """A run of two processes that does not end by itself."""
    return [*train_arguments, "train.batch_size=2", "train.max_steps=100000", f"output={tmp_path}"]


def test_no_process_outlives_one_that_is_killed(endless, tmp_path):
    command = fork_command(endless, num_processes=2)
    wait_for(tmp_path / "metrics.jsonl")
    os.kill(command.pids[1], signal.SIGKILL)
    assert command.wait().returncode != 0
    assert not any(is_running(pid) for pid in command.pids)


def test_a_command_that_hangs_says_where(endless):
    command = fork_command(endless, num_processes=2, timeout_s=4)
    os.kill(command.pids[1], signal.SIGSTOP)
    result = command.wait()
    assert result.returncode == 124
    assert "most recent call first" in result.output
    assert not any(is_running(pid) for pid in command.pids)


def wait_for(path, timeout_s=60):
    end = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < end, f"no {path} in time"
        time.sleep(0.05)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
