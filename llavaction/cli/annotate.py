"""`llavaction annotate`: captions and question-answer pairs by a vision model on any OpenAI-compatible server."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from llavaction.annotations.epic_kitchens import load_annotations
from llavaction.api.client import ServerError, read_key
from llavaction.api.frames import FrameStore
from llavaction.api.replies import ReplyCache
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import AnnotateRoot
from llavaction.sft.annotator.asker import Asker
from llavaction.sft.annotator.plan import choose_segments, make_plan
from llavaction.sft.annotator.results import describe_plan, describe_results, write_results
from llavaction.utils.console import output
from llavaction.utils.logs import set_up_logging
from llavaction.utils.progress import make_progress
from llavaction.utils.runs import record_run

logger = logging.getLogger(__name__)


def main(overrides: list[str]) -> None:
    """Annotate what `overrides` ask for."""
    run(compose_config("annotate", overrides))


def run(root: AnnotateRoot) -> dict[str, Any] | None:
    """Annotate, record and return the manifest; None after a dry run.

    Raises:
        BudgetError, ServerError: when segments are left over; what was done is kept.
    """
    config, folder = root.annotator, Path(root.output)
    set_up_logging(None if config.dry_run else folder)
    annotations = load_annotations(root.annotations)
    frames, cache = FrameStore(config, root.video), ReplyCache(Path(config.cache))
    segments = choose_segments(annotations.split(config.split), config.limit, config.seed)
    plan = make_plan(segments, config, frames, cache)
    with make_progress() as progress:
        bar = progress.add_task("annotate", total=plan.num_segments, completed=len(plan.outcomes))

        def show(done: int, money: float | None) -> None:
            spent = "" if money is None else f", {money:.2f} spent"
            progress.update(bar, completed=done, description=f"annotate{spent}")

        asker = Asker(config, plan, frames, cache, show)
        estimate = describe_plan(plan, config, asker.spending.price(plan.tokens))
        if config.dry_run:
            progress.remove_task(bar)
            output.print(estimate)
            return None
        logger.info("%s", estimate)
        if plan.todo:
            asker.run(read_key(config))
    manifest = write_results(folder, config, plan, asker, annotations.hashes)
    record_run(folder, "annotate", resolved_yaml(root), annotations.hashes)
    logger.info("%s", describe_results(manifest))
    _raise_if_incomplete(asker, manifest, folder)
    return manifest


def _raise_if_incomplete(asker: Asker, manifest: dict[str, Any], folder: Path) -> None:
    if manifest["complete"]:
        return
    done = f"{manifest['segments']['annotated']} of {manifest['segments']['chosen']} segments are in {folder}"
    if asker.stop is not None:
        raise type(asker.stop)(f"{asker.stop}\n{done}; the same command goes on where this one stopped")
    raise ServerError(
        f"the server left requests without an answer (listed in {folder}/failures.jsonl)\n{done}; the same command "
        "asks again for the others"
    )
