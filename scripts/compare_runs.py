"""What two runs were told, what they were made from, and how their metrics differ.

    python scripts/compare_runs.py runs/train/a runs/train/b
    python scripts/compare_runs.py runs/train/a runs/train/b --picture losses.png
    python scripts/compare_runs.py runs/evaluate/a runs/evaluate/b

Prints the keys of the configuration that differ, then commit, versions and data (told apart by content), then each
metric at the end of both runs and where it differs at equal steps, and last the loss step by step. The picture has
both runs' losses.

Which of two evaluations is better, question by question, with paired intervals and McNemar's test, is what
`llavaction report report=compare run=runs/evaluate/a other=runs/evaluate/b` tells.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from llavaction.reports.runs.comparison import compare_runs
from llavaction.reports.runs.folder import read_run
from llavaction.reports.runs.picture import draw_losses
from llavaction.reports.runs.render import comparison_tables
from llavaction.utils.console import output
from llavaction.utils.errors import LlavactionError


def main() -> int:
    """Compare the folders of the command line; 2 for an error that the user can mend."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a", type=Path, metavar="A", help="run folder")
    parser.add_argument("b", type=Path, metavar="B", help="run folder")
    parser.add_argument("--picture", type=Path, help="PNG of both runs' losses")
    arguments = parser.parse_args()
    try:
        for table in comparison_tables(compare_runs(arguments.a, arguments.b)):
            output.print(table)
        if arguments.picture is not None:
            runs = {f"A: {arguments.a}": arguments.a, f"B: {arguments.b}": arguments.b}
            draw_losses({name: read_run(folder).lines for name, folder in runs.items()}, arguments.picture)
    except LlavactionError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
