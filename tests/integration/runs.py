"""Training runs as tests start and read them."""

import json

import pytest

from llavaction.testing.processes import COMMAND_LINE, fork_command

TERMS = ("loss", "lm_loss", "verb_loss", "noun_loss", "action_loss", "grad_norm")
# ZeRO-3 keeps small weights whole, and gathered ones for a while, unless told otherwise; all weights are small here.
LIMITS = ("param_persistence_threshold", "max_live_parameters", "max_reuse_distance", "prefetch_bucket_size")
SPLIT_ALL = [f"+deepspeed.zero_optimization.stage3_{limit}=0" for limit in LIMITS]
ENGINES = {
    "none": [],
    "zero1": ["deepspeed=zero1"],
    "zero2": ["deepspeed=zero2"],
    "zero3": ["deepspeed=zero3", *SPLIT_ALL],
}
SMALL = ["model.vision.num_hidden_layers=2", "model.decoder.num_hidden_layers=2", "video.num_frames=4"]
"""Makes the tiny model faster still."""


def succeed(arguments, num_processes=1, function=COMMAND_LINE):
    """Run a command that must end well, and return its output."""
    result = fork_command(arguments, num_processes=num_processes, function=function).wait()
    assert result.returncode == 0, f"{' '.join(arguments)}\n{result.output[-6000:]}"
    return result.output


def read_losses(folder):
    """What a training run has logged that is the same each time: for each step its losses and its gradient's norm."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: row[name] for name in ("step", *TERMS)} for row in rows]


def read_rows(folder):
    """The rows of an evaluation by file, without the time that they took."""
    rows = {}
    for path in sorted((folder / "rows").iterdir()):
        rows[path.name] = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows[path.name]:
            assert row.pop("seconds").keys() == {"load", "encode", "answer"}
    return rows


def assert_same_rows(folder, expected_folder):
    """The rows of two evaluations are the same, their scores up to rounding in float32."""
    found, expected = read_rows(folder), read_rows(expected_folder)
    assert found.keys() == expected.keys()
    for name, rows in found.items():
        for row, other in zip(rows, expected[name], strict=True):
            trials = zip([row, *row.get("trials", [])], [other, *other.get("trials", [])], strict=True)
            for shown, other_shown in trials:
                assert shown.pop("scores", []) == pytest.approx(other_shown.pop("scores", []), abs=1e-3)
            assert row == other


def assert_same_losses(folder, expected):
    """The losses of two runs are equal at each step, up to rounding in float32."""
    rows, expected_rows = read_losses(folder), read_losses(expected)
    assert len(rows) == len(expected_rows)
    for row, other in zip(rows, expected_rows, strict=True):
        assert row == pytest.approx(other, rel=1e-4)
