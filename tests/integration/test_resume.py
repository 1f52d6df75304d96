"""A run that is killed goes on as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from llavaction.testing.processes import ROOT, run_command, start_command

pytestmark = pytest.mark.slow


def test_killed_run_ends_with_the_same_weights(train_arguments, tmp_path):
    arguments = [*train_arguments, "train.max_steps=12", "train.save_every=2"]
    run_command([*arguments, f"output={tmp_path / 'whole'}"])
    killed = tmp_path / "killed"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "llavaction", *arguments, f"output={killed}"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: list(killed.glob("checkpoint-*/trainer_state.json")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "checkpoint").exists()
    output = run_command([*arguments, f"output={killed}"])
    assert "continues from" in output
    whole, resumed = (load_file(tmp_path / name / "checkpoint" / "model.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    steps = [json.loads(line)["step"] for line in (killed / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 13))


def test_finished_run_is_not_run_again(train_arguments, checkpoint):
    result = start_command([*train_arguments, f"output={checkpoint.parent}"])
    assert result.returncode == 2 and "this run is finished" in result.stdout


def wait_for(condition, process, timeout_s=120):
    end = time.monotonic() + timeout_s
    while not condition():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < end, "no checkpoint in time"
        time.sleep(0.02)
