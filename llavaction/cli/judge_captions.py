"""`llavaction judge-captions`: a language model scores the descriptions of an evaluation against what is known."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from llavaction.api.client import read_key
from llavaction.config.compose import compose_config
from llavaction.config.schema import JudgeCaptionsRoot
from llavaction.evaluation.judging.run import Judging
from llavaction.utils.console import output
from llavaction.utils.logs import set_up_logging
from llavaction.utils.progress import make_progress

logger = logging.getLogger(__name__)


def main(overrides: list[str]) -> None:
    """Judge what `overrides` ask for."""
    run(compose_config("judge_captions", overrides))


def run(root: JudgeCaptionsRoot) -> dict[str, Any] | None:
    """Have all descriptions judged and return the summary; None after a dry run.

    Raises:
        BudgetError, ServerError: when descriptions are left over; what was done is kept.
    """
    set_up_logging()
    judging = Judging(root.judge, Path(root.run), root.task)
    if root.judge.dry_run:
        output.print(judging.estimate())
        return None
    logger.info("%s", judging.estimate())
    try:
        if judging.num_open:
            _ask(judging)
    finally:
        summary = judging.write()
    judging.refuse_incomplete()
    score = summary["score"]
    ends = "" if score["low"] is None else f" (95 %: {score['low']:.2f} to {score['high']:.2f})"
    output.print(f"{root.task}: {score['value']:.2f} of 5{ends}, {score['num_rows']} descriptions")
    return summary


def _ask(judging: Judging) -> None:
    key = read_key(judging.config)
    with make_progress() as progress:
        total = len(judging.rows)
        bar = progress.add_task("judge", total=total, completed=total - judging.num_open)
        judging.ask(key, lambda: progress.advance(bar))
