"""Commands that are run one after another, as a user would type them; what is done is not done again."""

from __future__ import annotations

import importlib
import logging
import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llavaction.cli.commands import COMMANDS
from llavaction.config.compose import compose_config
from llavaction.reports.config import StepConfig
from llavaction.utils.errors import ConfigError, nearest
from llavaction.utils.logs import set_up_logging

logger = logging.getLogger(__name__)


def run_steps(steps: Mapping[str, StepConfig], folder: Path) -> None:
    """Run what is not done yet, in order, in this process; log how far it is.

    All commands are composed before the first one runs, so that a mistyped key does not come to light at the end.

    Args:
        folder: where the steps are logged; each command logs into its own folder besides.

    Raises:
        ConfigError: when a command does not exist or cannot be a step, a key is wrong, or a command does not leave
            what says that it is done; naming the step.
    """
    todo = {name: step for name, step in steps.items() if not _is_done(step)}
    runners = {name: _prepare(name, step) for name, step in todo.items()}
    start = time.monotonic()
    for number, (name, step) in enumerate(steps.items(), start=1):
        if name not in todo:
            logger.info("step %d of %d: %s is done", number, len(steps), name)
            continue
        set_up_logging(folder)
        logger.info("step %d of %d: %s", number, len(steps), name)
        logger.info("$ llavaction %s", shlex.join([step.command, *step.overrides]))
        runners[name]()
        if step.done is not None and not _is_done(step):
            raise ConfigError(
                f"step {name!r}: `llavaction {step.command}` ended without {step.done}; correct `done` of the step"
            )
    set_up_logging(folder)
    if todo:
        logger.info("the steps took %.1f minutes", (time.monotonic() - start) / 60)


def _is_done(step: StepConfig) -> bool:
    return step.done is not None and Path(step.done).exists()


def _prepare(name: str, step: StepConfig) -> Callable[[], Any]:
    """What runs the step."""
    command = COMMANDS.get(step.command)
    if command is None:
        raise ConfigError(f"step {name!r}: unknown command {step.command!r}{nearest(step.command, COMMANDS)}")
    run: Callable[[Any], Any] | None = vars(importlib.import_module(f"llavaction.cli.{command.module}")).get("run")
    if command.root is None or run is None:
        raise ConfigError(f"step {name!r}: llavaction {step.command} answers questions and makes nothing; no step")
    root = command.root
    try:
        compose_config(root, step.overrides)
    except ConfigError as error:
        raise ConfigError(f"step {name!r}: {error}") from None
    return lambda: run(compose_config(root, step.overrides))
