"""One process, two processes, DeepSpeed: the same losses, the same rows."""

import json

import pytest

from llavaction.testing.processes import run_command

pytestmark = pytest.mark.slow

TERMS = ("loss", "lm_loss", "verb_loss", "noun_loss", "action_loss", "grad_norm")


def read_metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def assert_same_losses(folder, expected):
    rows, expected_rows = read_metrics(folder), read_metrics(expected)
    assert len(rows) == len(expected_rows) == 4
    for row, other in zip(rows, expected_rows, strict=True):
        for term in TERMS:
            assert row[term] == pytest.approx(other[term], rel=1e-4), (term, row, other)


@pytest.mark.parametrize(
    ("num_processes", "more"),
    [
        (1, ["train.batch_size=2", "train.gradient_accumulation=2"]),
        (1, ["train.gradient_checkpointing=true"]),
        (2, ["train.batch_size=2"]),
        (2, ["train.batch_size=1", "train.gradient_accumulation=2"]),
        (2, ["train.batch_size=2", "deepspeed=zero2"]),
        (2, ["train.batch_size=2", "deepspeed=zero3"]),
    ],
    ids=["accumulated", "checkpointed", "two_processes", "two_accumulated", "zero2", "zero3"],
)
def test_losses_do_not_depend_on_the_processes(train_arguments, checkpoint, tmp_path, num_processes, more):
    run_command([*train_arguments, f"output={tmp_path}", *more], num_processes=num_processes, timeout_s=290)
    assert_same_losses(tmp_path, checkpoint.parent)
    assert (tmp_path / "checkpoint" / "model.safetensors").is_file()


def evaluate_arguments(kitchen, checkpoint, output):
    return [
        "evaluate",
        "paths=demo",
        f"paths.output={kitchen}",
        "video=toy_kitchen",
        "evaluation=toy_kitchen_head",
        "evaluation.num_workers=0",
        "evaluation.batch_size=5",
        f"model.checkpoint={checkpoint}",
        f"output={output}",
    ]


def read_rows(folder):
    rows = {}
    for path in sorted((folder / "rows").iterdir()):
        rows[path.name] = [json.loads(line) for line in path.read_text().splitlines()]
    return rows


def test_rows_do_not_depend_on_the_processes(kitchen, checkpoint, tmp_path):
    run_command(evaluate_arguments(kitchen, checkpoint, tmp_path / "one"))
    run_command(evaluate_arguments(kitchen, checkpoint, tmp_path / "two"), num_processes=2)
    one, two = read_rows(tmp_path / "one"), read_rows(tmp_path / "two")
    assert set(one) == set(two) == {f"{task}.jsonl" for task in ("mqa_random", "mqa_hard", "direct", "head")}
    for name, rows in one.items():
        assert len(rows) == 12
        for row, other in zip(rows, two[name], strict=True):
            assert row.pop("scores") == pytest.approx(other.pop("scores"), abs=1e-4)
            assert row == other


def test_a_stopped_evaluation_goes_on(kitchen, checkpoint, tmp_path):
    arguments = evaluate_arguments(kitchen, checkpoint, tmp_path)
    run_command(arguments)
    whole = tmp_path / "rows" / "mqa_hard.jsonl"
    lines = whole.read_text().splitlines(keepends=True)
    # As a killed process of three leaves it: some rows, the last one cut.
    whole.rename(tmp_path / "rows" / "mqa_hard.part-1-of-3.jsonl").write_text("".join(lines[:5]) + lines[5][:20])
    run_command(arguments)
    assert whole.read_text().splitlines(keepends=True) == lines
    assert not list(whole.parent.glob("*.part-*"))


def test_rows_of_another_configuration_are_not_mixed(kitchen, checkpoint, tmp_path):
    from llavaction.testing.processes import start_command

    arguments = evaluate_arguments(kitchen, checkpoint, tmp_path)
    run_command(arguments)
    result = start_command([*arguments, "evaluation.tasks.mqa_hard.mode=letter"])
    assert result.returncode == 2 and "differs from this configuration" in result.stdout
