"""`llavaction demo`: the whole method on a toy kitchen, through the same commands that real data takes."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from pathlib import Path

from llavaction.cli.steps import run_steps
from llavaction.config.compose import compose_config
from llavaction.config.schema import DemoRoot
from llavaction.reports.config import StepConfig
from llavaction.toy_kitchen.write import specialist_files, write_kitchen, write_specialists
from llavaction.training.config import CHECKPOINT
from llavaction.utils.errors import ConfigError
from llavaction.utils.jsonl import read_json, write_json
from llavaction.utils.logs import set_up_logging
from llavaction.utils.progress import make_progress

logger = logging.getLogger(__name__)

MODELS = ("untrained", "random", "hard", "hard_action_token")
"""The experiments of `configs/experiment/toy_kitchen`, rows of the table."""
KITCHEN_FILE = "kitchen.json"
"""Written last: the kitchen's config, a sign that the kitchen is whole."""


def main(overrides: list[str]) -> None:
    """Run the demo; finished steps are not run again."""
    run(compose_config("demo", overrides))


def run(root: DemoRoot) -> None:
    """Write the kitchen, and run the steps unless the kitchen alone is asked for."""
    start = time.monotonic()
    folder = Path(root.output)
    set_up_logging(folder)
    _write_kitchen(root, folder / "kitchen")
    if root.kitchen_only:
        return
    run_steps(_steps(root, folder), folder)
    logger.info("demo took %.1f minutes; table and picture: %s", (time.monotonic() - start) / 60, folder)


def _steps(root: DemoRoot, folder: Path) -> dict[str, StepConfig]:
    """Samples, then a training and an evaluation of each model, then the table."""
    paths = [f"paths.output={folder}"]
    specialist = folder / "kitchen" / "specialists" / "toy_specialist"
    hard = [f"distractors.{split}_file={specialist}_{split}.json" for split in ("train", "validation")]
    steps = {
        "easy questions": _step("build-sft", ["paths=demo", *paths], folder / "sft/random/manifest.json"),
        "hard questions": _step(
            "build-sft",
            ["paths=demo", *paths, "distractors=specialist", *hard],
            folder / "sft/specialist/manifest.json",
        ),
    }
    for name in MODELS:
        checkpoint, run_folder = folder / "train" / name / CHECKPOINT, folder / "evaluate" / name
        max_steps = [f"train.max_steps={root.max_steps}"] if root.max_steps is not None and name != "untrained" else []
        steps[f"train {name}"] = _step("train", [f"experiment=toy_kitchen/{name}", *paths, *max_steps], checkpoint)
        tasks = "toy_kitchen_head" if name.endswith("action_token") else "toy_kitchen"
        beside = [f"model.checkpoint={checkpoint}", f"output={run_folder}"]
        steps[f"evaluate {name}"] = _step(
            "evaluate",
            ["paths=demo", "video=toy_kitchen", f"evaluation={tasks}", *paths, *beside],
            run_folder / "metrics.json",
        )
    report = ["paths=demo", "video=toy_kitchen", "report=toy_kitchen", *paths, f"output={folder}"]
    return {**steps, "report": _step("report", report, None)}


def _step(command: str, overrides: list[str], done: Path | None) -> StepConfig:
    return StepConfig(command, overrides, None if done is None else str(done))


def _write_kitchen(root: DemoRoot, folder: Path) -> None:
    """Write the kitchen unless a whole one of the same config is there."""
    done = folder / KITCHEN_FILE
    config = asdict(root.kitchen)
    if done.exists():
        if read_json(done) != config:
            raise ConfigError(
                f"{done} is of another kitchen; choose another folder with output=FOLDER, or paths.output=FOLDER where "
                "a report asks for it"
            )
        if not all(path.is_file() for path in specialist_files(folder).values()):
            write_specialists(root.kitchen, folder)
        return
    logger.info("writing a toy kitchen into %s", folder)
    with make_progress() as progress:
        bar = progress.add_task("videos", total=None)
        write_kitchen(
            root.kitchen,
            folder,
            num_workers=root.num_workers,
            on_progress=lambda number, total: progress.update(bar, completed=number, total=total),
        )
    write_json(done, config)
