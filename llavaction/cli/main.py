"""Entry point: picks the subcommand and turns errors that a user can mend into one clear line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from llavaction.cli.commands import COMMANDS, Command
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.utils.console import console, output
from llavaction.utils.errors import ConfigError, LlavactionError, nearest

USER_ERROR = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for an error that the user can mend, 130 for Ctrl-C."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(words)
    except LlavactionError as error:
        console.print(f"[bold red]error:[/bold red] {escape(_own_words(error))}", soft_wrap=True)
        return USER_ERROR
    except KeyboardInterrupt:
        console.print("interrupted; the same command goes on where this one stopped")
        return INTERRUPTED


def _dispatch(words: list[str]) -> int:
    from llavaction.cli.help import show_command, show_overview

    if not words or words[0] in ("-h", "--help", "help"):
        show_overview()
        return 0
    command = COMMANDS.get(words[0])
    if command is None:
        raise ConfigError(f"unknown command {words[0]!r}{nearest(words[0], COMMANDS)}; see llavaction --help")
    rest = _take_config_folder(words[1:])
    module = importlib.import_module(f"llavaction.cli.{command.module}")
    if any(word in ("-h", "--help") for word in rest):
        show_command(command, getattr(module, "OPTIONS", ""))
        return 0
    if "--config" in rest:
        rest.remove("--config")
        _show_config(command, getattr(module, "overrides_in", list)(rest))
        return 0
    module.main(rest)
    return 0


def _show_config(command: Command, overrides: list[str]) -> None:
    if command.root is None:
        raise ConfigError(f"llavaction {command.name} composes no configuration; see --help")
    output.print(resolved_yaml(compose_config(command.root, overrides)), end="", markup=False)


def _take_config_folder(words: list[str]) -> list[str]:
    """Turn ``--configs FOLDER`` into the override that makes Hydra search there too."""
    if "--configs" not in words:
        return words
    place = words.index("--configs")
    if place + 1 == len(words):
        raise ConfigError("--configs needs a folder")
    folder = Path(words[place + 1])
    if not folder.is_dir():
        raise ConfigError(f"--configs {folder}: no such folder")
    return [f"hydra.searchpath=['file://{folder.resolve()}']", *words[:place], *words[place + 2 :]]


def _own_words(error: LlavactionError) -> str:
    """The message alone: DataLoader workers wrap it in their traceback."""
    text = str(error)
    marker = f"{type(error).__name__}: "
    return text.rpartition(marker)[2].strip() if "Original Traceback" in text else text
