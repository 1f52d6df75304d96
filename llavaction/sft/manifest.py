"""The manifest of a build: what it was made from, with what settings, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llavaction.annotations.vocabulary import Vocabulary
from llavaction.sft.builders.base import LEFT_OUT
from llavaction.sft.builders.candidates import TRUTH_WITHIN
from llavaction.sft.builders.mqa import LETTERS_TOPIC
from llavaction.sft.builders.temporal_order import PRIOR_TOPIC
from llavaction.sft.options import DROPPED, FALLBACKS, SIMILARITY
from llavaction.sft.tally import Tally
from llavaction.utils.errors import DataError
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import read_json
from llavaction.utils.plain import plain

if TYPE_CHECKING:
    from llavaction.sft.factory import BuilderFactory, Recipe

MANIFEST = "manifest.json"

_NEEDED = ("files", "sources", "prompts", "seed", "distractors")
_TOPICS = (LEFT_OUT, DROPPED, FALLBACKS, LETTERS_TOPIC, PRIOR_TOPIC, TRUTH_WITHIN, "replay")
_QUANTILES = (0.5, 0.9, 0.99)
_HIGH = 0.9


def describe(
    recipe: Recipe, vocabulary: Vocabulary, factory: BuilderFactory, files: dict[str, Any], lines: list[str]
) -> dict[str, Any]:
    """The manifest.

    Args:
        files: an entry per file, see `file_entry`.
        lines: the samples of all files; their hash does not depend on their order.
    """
    return {
        "content_sha256": content_sha256(lines),
        "seed": recipe.sft.seed,
        "distractors": str(recipe.distractors.strategy),
        "num_options": recipe.sft.num_options,
        "prompts": {"name": recipe.prompts.name, "version": recipe.prompts.version, "sha256": recipe.prompts.sha256},
        "classes": {
            "verbs": len(vocabulary.verbs),
            "nouns": len(vocabulary.nouns),
            "actions": vocabulary.num_actions,
        },
        "encoder": factory.encoder_name,
        "files": files,
        "sources": factory.hashes,
        "config": plain(asdict(recipe)),
    }


def file_entry(lines: list[str], tally: Tally) -> dict[str, Any]:
    """What the manifest says of one view of one split."""
    entry: dict[str, Any] = {
        "samples": len(lines),
        "content_sha256": content_sha256(lines),
        **tally.to_row(_TOPICS),
    }
    if tally.of(SIMILARITY):
        entry["similarity"] = _similarity(tally.of(SIMILARITY))
    return entry


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder of samples.

    Raises:
        DataError: when the folder has none, or it is not one.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(f"{path}: no such file; `llavaction build-sft` writes it when a build is complete")
    manifest = read_json(path)
    if not isinstance(manifest, dict):
        raise DataError(f"{path}: expected a JSON object, found {type(manifest).__name__}")
    missing = [key for key in _NEEDED if key not in manifest]
    if missing:
        raise DataError(f"{path}: says nothing about {', '.join(missing)}; build again")
    for key in ("files", "sources"):
        if not isinstance(manifest[key], dict):
            raise DataError(f"{path}: {key} is {manifest[key]!r}, expected a JSON object; build again")
    return manifest


def _similarity(counts: Counter[float]) -> dict[str, float]:
    """How similar answers and distractors are, by cosine."""
    total = counts.total()
    summary = {
        "mean": round(sum(value * count for value, count in sorted(counts.items())) / total, 4),
        "max": max(counts),
        f"share_above_{_HIGH}": round(sum(count for value, count in counts.items() if value > _HIGH) / total, 6),
    }
    for quantile in _QUANTILES:
        left = quantile * total
        for value, count in sorted(counts.items()):
            left -= count
            if left <= 0:
                summary[f"quantile_{quantile}"] = value
                break
    return summary
