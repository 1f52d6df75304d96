"""`llavaction demo`: the whole method on a toy kitchen, through the same commands that real data takes."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llavaction.cli import build_sft, evaluate, report, train
from llavaction.config.compose import compose_config
from llavaction.config.schema import DemoRoot
from llavaction.toy_kitchen.write import write_kitchen
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
    root: DemoRoot = compose_config("demo", overrides)
    start = time.monotonic()
    folder = Path(root.output)
    set_up_logging(folder)
    _write_kitchen(root, folder / "kitchen")
    paths = [f"paths.output={folder}"]
    specialist = folder / "kitchen" / "specialists" / "toy_specialist"
    _step(build_sft, "build-sft", ["paths=demo", *paths], folder / "sft/random/manifest.json")
    _step(
        build_sft,
        "build-sft",
        ["paths=demo", *paths, "distractors=specialist"]
        + [f"distractors.{split}_file={specialist}_{split}.json" for split in ("train", "validation")],
        folder / "sft/specialist/manifest.json",
    )
    for name in MODELS:
        checkpoint = folder / "train" / name / CHECKPOINT
        steps = [f"train.max_steps={root.max_steps}"] if root.max_steps is not None and name != "untrained" else []
        _step(train, "train", [f"experiment=toy_kitchen/{name}", *paths, *steps], checkpoint)
        tasks = "toy_kitchen_head" if name.endswith("action_token") else "toy_kitchen"
        run_folder = folder / "evaluate" / name
        _step(
            evaluate,
            "evaluate",
            [
                "paths=demo",
                "video=toy_kitchen",
                f"evaluation={tasks}",
                *paths,
                f"model.checkpoint={checkpoint}",
                f"output={run_folder}",
            ],
            run_folder / "metrics.json",
        )
    _step(report, "report", ["paths=demo", "video=toy_kitchen", "report=toy_kitchen", *paths, f"output={folder}"], None)
    set_up_logging(folder)
    logger.info("demo took %.1f minutes; table and picture: %s", (time.monotonic() - start) / 60, folder)


def _write_kitchen(root: DemoRoot, folder: Path) -> None:
    """Write the kitchen unless a whole one of the same config is there."""
    done = folder / KITCHEN_FILE
    config = asdict(root.kitchen)
    if done.exists():
        if read_json(done) != config:
            raise ConfigError(f"{done} is of another kitchen; choose another folder with output=FOLDER")
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


def _step(module: Any, command: str, overrides: list[str], result: Path | None) -> None:
    """Run a command in this process, as a user would type it, unless its result is there."""
    if result is not None and result.exists():
        return
    logger.info("$ llavaction %s", shlex.join([command, *overrides]))
    run: Callable[[Any], Any] = module.run
    run(compose_config(module.__name__.rpartition(".")[2], overrides))
