"""The files of a run: annotations, failures and a manifest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from llavaction.api.reasons import UNANSWERED
from llavaction.sft.annotator.asker import Asker
from llavaction.sft.annotator.config import AnnotatorConfig
from llavaction.sft.annotator.plan import Plan
from llavaction.sft.annotator.records import (
    ANNOTATIONS_FILE,
    FAILURES_FILE,
    ClipAnnotation,
    Failure,
    SegmentReason,
)
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import dump_line, write_json, write_text

MANIFEST = "manifest.json"


def write_results(
    folder: Path, config: AnnotatorConfig, plan: Plan, asker: Asker, sources: dict[str, str]
) -> dict[str, Any]:
    """Write `annotations.jsonl`, `failures.jsonl` and `manifest.json`; return the manifest.

    Rows are sorted by segment id, so that the files do not depend on which reply came first.

    Args:
        sources: hashes of the annotation files by name.
    """
    outcomes = sorted(asker.outcomes, key=lambda outcome: outcome.segment_id)
    annotations = [outcome for outcome in outcomes if isinstance(outcome, ClipAnnotation)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    reasons = Counter(failure.reason for failure in failures)
    num_missing = plan.num_segments - len(outcomes)
    money = asker.spending.money
    manifest = {
        "complete": num_missing == 0 and not any(reasons[reason] for reason in UNANSWERED),
        "stopped": None if asker.stop is None else str(asker.stop),
        "model": config.model,
        "prompt": {"name": config.prompt.name, "version": config.prompt.version},
        "split": str(config.split),
        "seed": config.seed,
        "segments": {
            "chosen": plan.num_segments,
            "annotated": len(annotations),
            "disagreed": reasons.pop(SegmentReason.DISAGREES, 0),
            "failed": {str(reason): number for reason, number in sorted(reasons.items())},
            "missing": num_missing,
        },
        "requests": {
            "asked": asker.num_asked,
            "cached": plan.num_cached,
            "retried": asker.num_retries,
            "without_token_counts": asker.spending.num_uncounted,
        },
        "tokens": vars(asker.spending.tokens),
        "spent": None if money is None else round(money, 6),
        "sources": sources,
        "files": {
            ANNOTATIONS_FILE: _write_rows(folder / ANNOTATIONS_FILE, annotations),
            FAILURES_FILE: _write_rows(folder / FAILURES_FILE, failures),
        },
    }
    write_json(folder / MANIFEST, manifest)
    return manifest


def describe_plan(plan: Plan, config: AnnotatorConfig, price: float | None) -> str:
    """What a run will take, in one line for the user."""
    cost = "at unknown prices" if price is None else f"for about {price:.2f}"
    return (
        f"{plan.num_segments} segments, {len(plan.outcomes)} of them settled; {plan.num_requests} requests to "
        f"{config.model} and {plan.num_cached} cached replies; about {plan.tokens.input:,} input and "
        f"{plan.tokens.output:,} output tokens {cost}"
    )


def describe_results(manifest: dict[str, Any]) -> str:
    """What a run has done, in one line for the user."""
    segments, requests, tokens = manifest["segments"], manifest["requests"], manifest["tokens"]
    failed = ", ".join(f"{number} {reason}" for reason, number in segments["failed"].items())
    spent = "at unknown prices" if manifest["spent"] is None else f"for {manifest['spent']:.4f}"
    return (
        f"{segments['annotated']} of {segments['chosen']} segments annotated, {segments['disagreed']} labels disagreed "
        f"with, {sum(segments['failed'].values())} failed{f' ({failed})' if failed else ''}, {segments['missing']} "
        f"missing; {requests['asked']} replies asked for, {requests['cached']} cached, {requests['retried']} tries "
        f"repeated; {tokens['input']:,} input and {tokens['output']:,} output tokens {spent}"
    )


def _write_rows(path: Path, records: list[ClipAnnotation] | list[Failure]) -> dict[str, Any]:
    lines = [dump_line(record.to_row()) for record in records]
    write_text(path, "".join(line + "\n" for line in lines))
    return {"rows": len(lines), "content_sha256": content_sha256(lines)}
