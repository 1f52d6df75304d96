"""Where the metrics of a run go: always a file of its folder, TensorBoard and Weights & Biases where asked for.

All are used by the first process alone.
"""

from __future__ import annotations

import logging
import os
import uuid
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import yaml

from llavaction.training.config import TrainConfig, WandbMode
from llavaction.training.curves import draw_curves
from llavaction.training.spec import TrainingRun
from llavaction.utils.errors import ConfigError
from llavaction.utils.jsonl import dump_line, read_jsonl, write_jsonl, write_text
from llavaction.utils.processes import process_rank
from llavaction.utils.runs import CONFIG_FILE, git_commit

logger = logging.getLogger(__name__)

METRICS_FILE = "metrics.jsonl"
CURVES_FILE = "curves.png"
TENSORBOARD_FOLDER = "tensorboard"
WANDB_ID_FILE = "wandb_id.txt"

Row = dict[str, float | None]
"""A log line: its `step` and metrics; None where a figure is not known or not finite."""


class Tracker(Protocol):
    """Takes the metrics of a run."""

    def start(self, step: int) -> None:
        """The run starts, or goes on behind `step`; lines of later steps come again."""

    def add(self, row: Row) -> None:
        """Take a log line."""

    def finish(self) -> None:
        """The run has ended."""


def make_trackers(run: TrainingRun) -> list[Tracker]:
    """The trackers that a run asks for."""
    trackers: list[Tracker] = [MetricsFile(run.folder / METRICS_FILE)]
    if run.train.tensorboard:
        trackers.append(TensorBoardFolder(run.folder / TENSORBOARD_FOLDER))
    if run.train.wandb is not WandbMode.DISABLED:
        trackers.append(WandbRun(run.folder, run.train.wandb))
    return trackers


def check_trackers(train: TrainConfig) -> None:
    """Refuse what cannot work here, before a model is loaded.

    Raises:
        ConfigError: when a package is not installed, or Weights & Biases does not know us.
    """
    if train.tensorboard and find_spec("tensorboard") is None:
        raise ConfigError(
            "train.tensorboard=true needs the package tensorboard: pip install 'llavaction[tensorboard]', or set it "
            "to false"
        )
    if train.wandb is WandbMode.ONLINE and process_rank() == 0:
        import wandb

        try:
            wandb.login()
        except wandb.Error as error:
            raise ConfigError(_unusable(train.wandb, error)) from None


def _unusable(mode: WandbMode, error: Exception) -> str:
    return (
        f"train.wandb={mode}: {error}; set WANDB_API_KEY or run `wandb login`, or use train.wandb=offline and "
        "`wandb sync` later"
    )


class MetricsFile:
    """A JSONL file, with a picture of it beside it when the run has ended."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, step: int) -> None:
        if self._path.exists():
            write_jsonl(self._path, [row for row in read_jsonl(self._path) if row["step"] <= step])

    def add(self, row: Row) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(dump_line(row) + "\n")

    def finish(self) -> None:
        try:
            draw_curves(list(read_jsonl(self._path)), self._path.with_name(CURVES_FILE))
        except Exception:
            # A picture is not worth a run whose weights are still to be saved.
            logger.exception("%s could not be drawn", CURVES_FILE)


class TensorBoardFolder:
    """TensorBoard's event files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def start(self, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(self._folder), purge_step=step + 1)

    def add(self, row: Row) -> None:
        for name, value in _named(row).items():
            self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()

    def finish(self) -> None:
        self._writer.close()


class WandbRun:
    """A run of Weights & Biases; one that is resumed goes on under the same id, which the run folder keeps."""

    def __init__(self, folder: Path, mode: WandbMode) -> None:
        self._folder = folder
        self._mode = mode
        self._run: Any = None

    def start(self, step: int) -> None:
        """Raises: ConfigError, when it cannot be reached."""
        import wandb

        path = self._folder / WANDB_ID_FILE
        if not path.exists():
            write_text(path, uuid.uuid4().hex[:8] + "\n")
        try:
            self._run = wandb.init(
                id=path.read_text(encoding="utf-8").strip(),
                resume="allow",
                mode=self._mode.value,
                dir=self._folder,
                name=self._folder.name,
                project=os.environ.get("WANDB_PROJECT", "llavaction"),
                config={**_config(self._folder), "git_commit": git_commit()},
                # Its capture of the output would break progress bars, and remotes of git may have passwords in them.
                settings=wandb.Settings(console="off", quiet=True, disable_git=True),
            )
        except wandb.Error as error:
            raise ConfigError(_unusable(self._mode, error)) from None
        # Steps come again when a run resumes from an earlier one, which wandb's own step does not allow.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def add(self, row: Row) -> None:
        self._run.log({**_named(row), "step": row["step"]})

    def finish(self) -> None:
        self._run.finish()
        if self._mode is WandbMode.OFFLINE:
            logger.info("to upload the metrics to Weights & Biases: cd %s && wandb sync", self._folder)


def _named(row: Row) -> dict[str, float]:
    """The known metrics of a line, in groups: `train/` before those that have no group."""
    return {
        name if "/" in name else f"train/{name}": value
        for name, value in row.items()
        if value is not None and name != "step"
    }


def _config(folder: Path) -> dict[str, Any]:
    """The configuration that the command has written into the run folder; none where there was no command."""
    path = folder / CONFIG_FILE
    config: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    return config
