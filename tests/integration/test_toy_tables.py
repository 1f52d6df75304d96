"""The toy tables from nothing, with a few steps of a few models: every kind of command, table and figure."""

import json
from dataclasses import replace

import pytest

from llavaction.cli import report
from llavaction.config.compose import compose_config
from tests.integration.runs import succeed

pytestmark = pytest.mark.slow

LEFT_OUT = (
    "stack_03",
    "stack_04",
    "stack_05",
    "stack_06",
    "in_distribution",
    "label_text",
    "tiny_4",
    "llama_",
    "qwen3_",
)
KITCHEN = {"num_train_participants": 2, "num_validation_participants": 1, "num_videos_per_participant": 2}


def make_tables(arguments):
    """In a process of its own: the report whose first argument is its folder, with small steps."""
    small = [f"kitchen.{name}={value}" for name, value in KITCHEN.items()]
    small += ["kitchen.num_segments_per_video=12", "kitchen.fps=6"]
    root = compose_config("report", ["experiment=toy_tables", f"paths.output={arguments[0]}"])
    steps = {name: step for name, step in root.report.steps.items() if not any(part in name for part in LEFT_OUT)}
    for name, step in steps.items():
        if step.command == "train" and "train.max_steps=0" not in step.overrides:
            steps[name] = replace(step, overrides=[*step.overrides, "train.max_steps=2"])
    steps["kitchen"] = replace(steps["kitchen"], overrides=[*steps["kitchen"].overrides, *small])
    root.report.steps = steps
    report.run(root)


def test_toy_tables_are_made_from_nothing_and_finished_steps_are_kept(tmp_path):
    output = succeed([str(tmp_path)], function=f"{__name__}:make_tables")
    folder = tmp_path / "toy_tables"
    tables = json.loads((folder / "results.json").read_text())
    assert list(tables) == list(compose_config("report", ["report=paper"]).report.tables)

    stack = tables["component_stack"]
    assert stack["rows"]["untrained"]["MQA"]["num_questions"] == 24
    assert stack["rows"]["+ temporal order"]["SAP"]["num_questions"] == 24
    assert stack["rows"]["random distractors"]["MQA"]["value"] is None
    assert "left empty" in stack["row_notes"]["captions and answers alone"]
    recognised = tables["ek100_recognition"]["rows"]
    for row in (
        "second specialist",
        "all classes by likelihood of all their words",
        "heads of the action token",
        "in its own words",
    ):
        assert 0 <= recognised[row]["action"]["value"] <= 1, row
    sweep = tables["k_sweep"]["rows"]
    bound, choice = (list(sweep[name].values()) for name in list(sweep)[:0:-1])
    assert all(0 <= low["value"] <= high["value"] <= 1 for low, high in zip(choice, bound))
    assert [cell["value"] for cell in bound] == sorted(cell["value"] for cell in bound)
    figures = {path.stem for path in folder.glob("*.png")}
    assert figures == set(compose_config("report", ["experiment=toy_tables"]).report.figures)

    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*/metrics.json")}
    again = succeed([str(tmp_path)], function=f"{__name__}:make_tables")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*/metrics.json")} == written
    assert "is done" in again and "is done" not in output
