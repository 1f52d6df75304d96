"""Evaluation on one process and on two, stopped and gone on: the same rows."""

import json

import pytest

from llavaction.testing.processes import run_commands
from tests.integration.runs import assert_same_rows, read_rows, succeed

pytestmark = pytest.mark.slow


TASKS = ("mqa_random", "mqa_hard", "direct", "head")
EVERY_TASK = {
    "orders": "task: mqa, samples: {views}/validation_mqa.jsonl, order: cyclic",
    "letters": "task: mqa, samples: {views}/validation_mqa.jsonl, mode: letter, order: shuffled",
    "written": "task: mqa, samples: {views}/validation_mqa.jsonl, mode: generate, order: cyclic",
    "two_stage": "task: two_stage, samples: {candidates}/validation_candidates.jsonl, num_candidates: [1, 5]",
    "sequential": "task: sequential, samples: {views}/validation_temporal_order.jsonl",
    "described": "task: caption_then_answer, samples: {views}/validation_mqa.jsonl",
    "all_classes": "task: all_classes, samples: {views}/validation_direct.jsonl, text_prior: 0.5",
    "detection": "task: temporal_detection, samples: {views}/validation_temporal_detection.jsonl",
    "direct": "task: direct, samples: {views}/validation_direct.jsonl",
    "caption": "task: caption, samples: {views}/validation_direct.jsonl",
}
"""Every kind of task that asks for words, by name."""


def evaluate_arguments(kitchen, checkpoint, output, tasks="evaluation=toy_kitchen_head"):
    return [
        "evaluate",
        "paths=demo",
        f"paths.output={kitchen}",
        "video=toy_kitchen",
        tasks,
        "evaluation.num_workers=0",
        "evaluation.batch_size=5",
        f"model.checkpoint={checkpoint}",
        f"output={output}",
    ]


def assert_all_answered(folder, tasks):
    """Each task has a row for each of the kitchen's segments."""
    assert {name: len(rows) for name, rows in read_rows(folder).items()} == {f"{task}.jsonl": 12 for task in tasks}


def test_rows_do_not_depend_on_the_processes(kitchen, checkpoint, tmp_path):
    succeed(evaluate_arguments(kitchen, checkpoint, tmp_path / "one"))
    succeed(evaluate_arguments(kitchen, checkpoint, tmp_path / "two"), num_processes=2)
    assert_all_answered(tmp_path / "one", TASKS)
    assert_same_rows(tmp_path / "two", tmp_path / "one")


def test_nor_do_those_of_any_task_or_on_the_batch_size(kitchen, checkpoint, tmp_path):
    predictions = f"distractors.validation_file={kitchen}/kitchen/specialists/toy_specialist_validation.json"
    build = ["build-sft", "paths=demo", f"paths.output={kitchen}", "distractors=specialist", predictions]
    succeed([*build, "sft=all_views", "sft.splits=[validation]", f"output={tmp_path}/views"])
    succeed([*build, "sft=candidates", "sft.num_candidates=5", f"output={tmp_path}/candidates"])
    folders = {"views": f"{tmp_path}/views", "candidates": f"{tmp_path}/candidates"}
    tasks = [f"+evaluation.tasks.{name}={{{settings.format(**folders)}}}" for name, settings in EVERY_TASK.items()]
    arguments = [*evaluate_arguments(kitchen, checkpoint, tmp_path, "evaluation=none")[:-1], *tasks]
    arguments += ["evaluation.max_caption_tokens=8", "evaluation.max_new_tokens=8"]
    succeed([*arguments, "evaluation.batch_size=1", f"output={tmp_path}/one"])
    succeed(
        [*arguments, "evaluation.batch_size=8", "evaluation.tree_size=40", f"output={tmp_path}/two"], num_processes=2
    )
    assert_all_answered(tmp_path / "one", EVERY_TASK)
    assert_same_rows(tmp_path / "two", tmp_path / "one")
    metrics = json.loads((tmp_path / "two" / "metrics.json").read_text())
    assert metrics == {
        name: pytest.approx(of) for name, of in json.loads((tmp_path / "one" / "metrics.json").read_text()).items()
    }


def test_a_stopped_evaluation_goes_on(kitchen, checkpoint, tmp_path):
    arguments = evaluate_arguments(kitchen, checkpoint, tmp_path)
    succeed(arguments)
    whole = tmp_path / "rows" / "mqa_hard.jsonl"
    lines = whole.read_text().splitlines(keepends=True)
    # As a killed process of three leaves it: some rows, the last one cut.
    whole.rename(tmp_path / "rows" / "mqa_hard.part-1-of-3.jsonl").write_text("".join(lines[:5]) + lines[5][:20])
    succeed(arguments)
    rows, before = ([json.loads(line) for line in text] for text in (whole.read_text().splitlines(), lines))
    assert rows[:5] == before[:5]
    for row, other in zip(rows, before, strict=True):
        assert (row["sample_id"], row["chosen_idx"]) == (other["sample_id"], other["chosen_idx"])
        assert row["scores"] == pytest.approx(other["scores"], abs=1e-4)
    assert not list(whole.parent.glob("*.part-*"))


def test_rows_of_another_configuration_are_not_mixed(kitchen, checkpoint, tmp_path):
    arguments = evaluate_arguments(kitchen, checkpoint, tmp_path)
    succeed(arguments)
    (result,) = run_commands([[*arguments, "evaluation.tasks.mqa_hard.mode=letter"]])
    assert result.returncode == 2 and "differs from this configuration" in result.output
