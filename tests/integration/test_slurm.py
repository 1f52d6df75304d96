"""scripts/train_slurm.sh on a SLURM that is there: two tasks train together, and a job that is told to stop goes on."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llavaction.testing.processes import ROOT

pytestmark = pytest.mark.slow

BESIDE = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}


def slurm(*words):
    return subprocess.run(words, text=True, capture_output=True, timeout=60, check=True).stdout


@pytest.fixture(scope="module", autouse=True)
def cluster():
    if shutil.which("sbatch") is None:
        pytest.skip("SLURM is not installed")
    found = subprocess.run(["sinfo", "--noheader", "--format=%D"], text=True, capture_output=True, timeout=60)
    if found.returncode or not found.stdout.strip():
        pytest.skip("no SLURM controller answers here")
    return int(found.stdout.split()[0])


@pytest.fixture
def submit(cluster, train_arguments, tmp_path):
    """Queue a job of two tasks; its number and its log. Jobs that are left at the end are cancelled."""
    jobs = []

    def start(*more):
        log = tmp_path / "slurm.log"
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, **BESIDE, "PATH": path, "LLAVACTION_MASTER_ADDR": "127.0.0.1"}
        nodes = min(cluster, 2)
        shape = [f"--nodes={nodes}", f"--ntasks-per-node={2 // nodes}", "--gpus-per-node=0", "--cpus-per-task=1"]
        script = str(ROOT / "scripts" / "train_slurm.sh")
        command = ["sbatch", "--parsable", *shape, f"--output={log}", "--time=10", script, *train_arguments[1:], *more]
        queued = subprocess.run(command, text=True, capture_output=True, env=environment, cwd=tmp_path, check=True)
        jobs.append(queued.stdout.strip())
        return jobs[-1], log

    yield start
    for job in jobs:
        subprocess.run(["scancel", job], check=False)


def wait_for(words, log, timeout_s=150):
    end = time.monotonic() + timeout_s
    while words not in (text := log.read_text() if log.exists() else ""):
        assert time.monotonic() < end, text[-3000:]
        time.sleep(0.5)


def test_tasks_train_together(submit, checkpoint, tmp_path):
    _, log = submit(f"output={tmp_path / 'run'}", "train.batch_size=2")
    wait_for("saved", log)
    rows, alone = (
        [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (tmp_path / "run", checkpoint.parent)
    )
    assert len(rows) == len(alone) == 4
    for row, other in zip(rows, alone, strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-4)


def test_a_job_that_is_told_to_stop_is_queued_again(submit, tmp_path):
    job, log = submit(f"output={tmp_path / 'run'}", "train.batch_size=2", "train.max_steps=2000")
    wait_for("step 2 of 2000", log)
    slurm("scancel", "--signal=TERM", job)
    wait_for("queued again", log)
    assert list((tmp_path / "run").glob("checkpoint-*"))
    assert "Restarts=1" in slurm("scontrol", "show", "job", job)
