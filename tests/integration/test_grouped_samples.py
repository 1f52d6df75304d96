"""Samples grouped by length, on one process and on two; the list of samples in the run folder."""

import json
import shutil

import pytest

from llavaction.processing.used_samples import SAMPLES_FILE, read_used
from llavaction.testing.processes import run_commands
from llavaction.utils.hashing import file_sha256

pytestmark = pytest.mark.slow

GROUPED = [
    *("train.group_by_length=true", "train.gradient_accumulation=null", "train.global_batch_size=8"),
    "train.save_every=4",
    *("mixture.datasets.mqa.limit=random:50%", "mixture.datasets.direct.limit=last:4"),
    *("mixture.datasets.mqa.repeat=2.5", "mixture.datasets.direct.repeat=2"),
]


def test_the_same_steps_on_one_and_two_processes(train_arguments, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for number, folder in enumerate(folders, start=1):
        arguments = [*train_arguments, *GROUPED, f"output={folder}"]
        result = run_commands([arguments], num_processes=number)[0]
        assert result.returncode == 0, result.output
        assert result.output.count("at most; grouped by length") == 1
    one, two = ([row["loss"] for row in rows(folder)] for folder in folders)
    assert len(one) == 4 and two == pytest.approx(one, rel=1e-4)

    used = read_used(folders[0] / SAMPLES_FILE)
    assert {name: len(times) for name, times in used.items()} == {"direct": 4, "mqa": 12}
    for folder in folders:
        digest = file_sha256(folder / SAMPLES_FILE)
        assert json.loads((folder / "run.json").read_text())["samples_sha256"] == digest
    assert (folders[0] / SAMPLES_FILE).read_bytes() == (folders[1] / SAMPLES_FILE).read_bytes()

    # As after a crash: a checkpoint to go on from, and no final one.
    shutil.rmtree(folders[1] / "checkpoint")
    other = [*train_arguments, *GROUPED, "mixture.datasets.mqa.limit=random:25%", f"output={folders[1]}"]
    result = run_commands([other], num_processes=2)[0]
    assert result.returncode == 2 and "holds a run on other samples" in result.output, result.output


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
