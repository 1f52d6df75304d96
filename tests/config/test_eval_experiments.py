"""The evaluations of the paper's tables: files up to date, every cell with a run, every run with its task."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llavaction.config.compose import choices, compose_config
from llavaction.evaluation.config import TaskName
from llavaction.reports.tables.cells import CellSource, cells_of

ROOT = Path(__file__).resolve().parents[2]
NAMES = [name.removeprefix("eval/") for name in choices()["experiment"] if name.startswith("eval/")]
OURS = [name for name in NAMES if not name.startswith("gpt_")]


def paper_cells() -> list[CellSource]:
    tables = compose_config("report", ["report=paper"]).report.all_tables
    return [cell for name, table in tables.items() for cell in cells_of(name, table)]


def composed(name: str) -> Any:
    root = "evaluate_api" if name.startswith("gpt_") else "evaluate"
    return compose_config(root, [f"experiment=eval/{name}", "paths.videos=v"])


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_eval", ROOT / "scripts" / "write_eval_experiments.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    importlib.import_module("sys").modules["write_eval"] = module
    spec.loader.exec_module(module)
    return module


def test_the_files_are_what_the_table_writes(script: ModuleType) -> None:
    contents = script.files()

    assert {path.stem for path in contents} == set(OURS)
    for path, text in contents.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python scripts/write_eval_experiments.py"


@pytest.mark.thorough
@pytest.mark.parametrize("cell", [cell for cell in paper_cells() if cell.run is not None], ids=str)
def test_every_cell_has_an_evaluation_that_asks_its_task(cell: CellSource) -> None:
    assert cell.run is not None and cell.run.parent == Path("runs/evaluate")
    root = composed(cell.run.name)

    assert Path(root.output) == cell.run
    assert cell.task in root.evaluation.tasks


def test_every_evaluation_is_in_a_table() -> None:
    assert {cell.run.name for cell in paper_cells() if cell.run is not None} == set(NAMES)


@pytest.mark.thorough
@pytest.mark.parametrize("name", OURS)
def test_a_checkpoint_comes_from_the_command_beside_it(name: str) -> None:
    text = (ROOT / "configs" / "experiment" / "eval" / f"{name}.yaml").read_text()
    words = next(line for line in text.splitlines() if line.startswith("# The checkpoint: ")).split()[3:]
    assert words[:2] == ["llavaction", "train"]
    train = compose_config("train", ["paths.videos=v", *(word for word in words[2:] if not word.endswith("=FOLDER"))])
    evaluate = composed(name)

    assert evaluate.model.checkpoint == f"{train.output}/checkpoint"
    assert evaluate.evaluation.num_frames == train.video.num_frames


@pytest.mark.thorough
@pytest.mark.parametrize("name", OURS)
def test_its_samples_are_built_by_an_experiment(name: str) -> None:
    for task in composed(name).evaluation.tasks.values():
        folder = Path(task.samples).parent
        experiment = f"data/{folder.name}"
        assert experiment in choices()["experiment"]
        build = compose_config("build_sft", [f"experiment={experiment}", "paths.annotations=a"])
        view = Path(task.samples).stem.removeprefix("validation_")
        assert build.output == str(folder) and view in build.sft.views
        if task.task is TaskName.TWO_STAGE:
            assert max(task.num_candidates) <= build.sft.num_candidates


def test_columns_over_k_ask_questions_with_as_many_options() -> None:
    table = compose_config("report", ["report=paper/k_sweep"]).report.tables["k_sweep"]
    tasks = composed("k_sweep").evaluation.tasks
    for cell in cells_of("k_sweep", table):
        number = table.columns[cell.column].num_options
        if cell.task == "two_stage":
            assert cell.metric is not None and cell.metric.endswith(f"_at_{number}")
            assert number in tasks["two_stage"].num_candidates
        elif cell.run is not None and cell.task is not None:
            experiment = f"data/{Path(tasks[cell.task].samples).parent.name}"
            build = compose_config("build_sft", [f"experiment={experiment}", "paths.annotations=a"])
            assert build.sft.num_options == number
