"""`llavaction runs`: the runs below a folder with their key figures."""

from __future__ import annotations

import json

from llavaction.config.compose import compose_config
from llavaction.config.schema import RunsRoot
from llavaction.reports.runs.config import ListFormat
from llavaction.reports.runs.listing import list_runs, problems, to_csv, to_objects, to_table
from llavaction.utils.console import output
from llavaction.utils.errors import ConfigError

OPTIONS = """
  FOLDER   the folder to search, the same as folder=FOLDER

Started: the first line of a run's log. Running?: not finished, but it gave a sign of life in the last quiet_min
minutes. Evaluation: the best of each task's own metric in percent, and its step. Commit*: files differed from it."""


def main(words: list[str]) -> None:
    """List what `words` ask for."""
    run(compose_config("runs", overrides_in(words)))


def overrides_in(words: list[str]) -> list[str]:
    """The overrides among the words; one without a sign of equality is the folder."""
    folders = [word for word in words if "=" not in word]
    if len(folders) > 1:
        raise ConfigError(
            f"runs takes one folder, found {len(folders)}: {' '.join(folders)}; see llavaction runs --help"
        )
    return [f"folder='{folder}'" for folder in folders] + [word for word in words if "=" in word]


def run(root: RunsRoot) -> None:
    """Print the list."""
    runs = list_runs(root)
    if root.format is ListFormat.JSON:
        output.print(json.dumps(to_objects(runs), ensure_ascii=False, indent=2), markup=False)
    elif root.format is ListFormat.CSV:
        output.print(to_csv(runs), markup=False, end="")
    else:
        table = to_table(runs, output)
        output.print(table, width=table.width)
        for line in problems(runs):
            output.print(line, markup=False, style="dim")
