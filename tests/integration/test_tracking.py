"""What can be seen of a run on two processes: log lines, trackers, profile, picture; and all of it after a resume."""

import json
import shutil
import struct
from pathlib import Path
from typing import NamedTuple

import pytest

from llavaction.testing.processes import CommandResult, run_commands

pytestmark = pytest.mark.slow

FIGURES = {"step_s", "samples_per_s", "tokens_per_s", "mfu", "data_wait_share", "peak_memory_gib", "num_dropped"}
KEY = "0123456789abcdef0123456789abcdef01234567"


class Seen(NamedTuple):
    folder: Path
    commands: list[CommandResult]


@pytest.fixture(scope="module")
def seen(train_arguments, tmp_path_factory):
    """A run, and once more from its checkpoint of step 4 of 6, as if it had been killed there."""
    folder = tmp_path_factory.mktemp("tracking")
    more = ["train.max_steps=6", "train.log_every=2", "train.save_every=2", "train.peak_tflops=0.5", "deepspeed=zero2"]
    more += ["train.wandb=offline", "train.tensorboard=true", "train.profile={start_step: 2, num_steps: 2}"]
    arguments = [*train_arguments, *more, f"output={folder}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_API_KEY", KEY)
        commands = run_commands([arguments], num_processes=2)
        for name in ("checkpoint", "checkpoint-6"):
            shutil.rmtree(folder / name)
        commands += run_commands([arguments], num_processes=2)
    assert [command.returncode for command in commands] == [0, 0], commands[-1].output[-6000:]
    return Seen(folder, commands)


def test_a_log_line_has_all_figures_once_for_each_step(seen):
    rows = [json.loads(line) for line in (seen.folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6]
    for row in rows:
        assert row.keys() > {"lm_loss", "verb_loss", "noun_loss", "action_loss", "lr_vision", "grad_norm", *FIGURES}
        assert 0 < row["mfu"] < 1 and 0 < row["data_wait_share"] < 1 and row["num_dropped"] == 0
        # Eight samples per step: four on each process.
        assert row["samples_per_s"] == pytest.approx(8 / row["step_s"], rel=1e-4)
        assert row["tokens_per_s"] > 100 * row["samples_per_s"]
        assert 0.1 < row["peak_memory_gib"] < 10


def test_wandb_keeps_one_run_with_metrics_and_configuration(seen):
    run_id = (seen.folder / "wandb_id.txt").read_text().strip()
    first, second = sorted((seen.folder / "wandb").glob("offline-run-*"))
    assert first.name.endswith(run_id) and second.name.endswith(run_id)
    steps = []
    for folder in (first, second):
        records = read_wandb(folder / f"run-{run_id}.wandb")
        (run,) = (record.run for record in records if record.WhichOneof("record_type") == "run")
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        assert config["train"]["batch_size"] == 4 and "git_commit" in config and run.project == "llavaction"
        for record in records:
            if record.WhichOneof("record_type") == "history":
                metrics = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
                assert metrics.keys() > {"train/loss", "train/lr_action", *(f"train/{name}" for name in FIGURES)}
                steps.append(metrics["step"])
    assert steps == [2, 4, 6, 6]


def test_tensorboard_has_the_metrics(seen):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(seen.folder / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("train/samples_per_s")] == [2, 4, 6]


def test_the_profile_says_where_the_time_went(seen):
    page = (seen.folder / "profile" / "summary.md").read_text()
    assert "steps 2 to 3" in page and "of 2 processes" in page
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    shares = {row[0]: float(row[-1].removesuffix("%")) for row in rows if row[-1].endswith("%")}
    parts = ("data", "vision", "projector", "decoder", "loss", "optimiser", "communication", "other")
    assert all(shares[part] > 0 for part in parts)
    assert (seen.folder / "profile" / "trace_steps_2_to_3.json.gz").is_file()
    # Two steps remained after the resume.
    assert "| communication |" in seen.commands[0].output and "nothing is profiled" in seen.commands[1].output


def test_a_picture_and_no_key(seen):
    assert (seen.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    files = [path for path in seen.folder.rglob("*") if path.is_file()]
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert KEY not in seen.commands[0].output


def read_wandb(path):
    """The records of an offline run: a LevelDB log behind a header of seven bytes, in blocks of 32 KiB."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, records, parts = path.read_bytes(), 7, [], b""
    while place + 7 <= len(content):
        room = 32768 - place % 32768
        _, length, kind = struct.unpack_from("<IHB", content, place)
        if room < 7 or kind == 0:
            place += room
            continue
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = Record()
            record.ParseFromString(parts)
            records.append(record)
            parts = b""
    return records
