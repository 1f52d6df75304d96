"""The build: every segment of every split through every builder, into JSONL files and a manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.sft.builders.base import Builder
from llavaction.sft.builders.direct import DirectBuilder
from llavaction.sft.builders.mqa import MqaBuilder
from llavaction.sft.classes import ClassTable
from llavaction.sft.distractors import DistractorsConfig, make_strategy
from llavaction.sft.narrations import NarrationBank
from llavaction.sft.prompts import LETTERS, PromptsConfig
from llavaction.sft.samples import View, write_samples
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import write_json

MANIFEST = "manifest.json"


@dataclass
class SftConfig:
    """Which samples are made."""

    splits: list[Split] = field(default_factory=lambda: [Split.TRAIN, Split.VALIDATION])
    """Splits to build."""
    views: list[View] = field(default_factory=lambda: [View.MQA, View.DIRECT])
    """Views to build; each makes one file per split, `{split}_{view}.jsonl`."""
    num_options: int = 5
    """Choices per question, 2 to 26; the paper's main tables use 5."""
    seed: int = 0
    """Seed of every draw; together with the segment's id it decides the sample."""

    def __post_init__(self) -> None:
        if not 2 <= self.num_options <= len(LETTERS):
            raise ConfigError(f"sft.num_options = {self.num_options}: must be 2 to {len(LETTERS)}, one letter each")
        for name in ("splits", "views"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise ConfigError(
                    f"sft.{name} = {[str(value) for value in values]}: must name at least one, none twice"
                )


def build_sft(
    annotations: Annotations,
    sft: SftConfig,
    distractors: DistractorsConfig,
    prompts: PromptsConfig,
    folder: Path,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Write `{split}_{view}.jsonl`, `classes.json` and `manifest.json` below `folder`; return the manifest.

    Args:
        on_progress: called with the file's stem, the number of samples done and their total.

    Raises:
        ConfigError, DataError: when inputs are missing or do not fit each other.
    """
    bank = NarrationBank([*annotations.train, *annotations.validation], annotations.vocabulary)
    files: dict[str, Any] = {}
    sources: dict[str, str] = dict(annotations.hashes)
    for split in sft.splits:
        table = annotations.split(split)
        for view in sft.views:
            builder, hashes = _make_builder(view, annotations, sft, distractors, prompts, bank, split)
            sources.update(hashes)
            name = f"{split}_{view}"
            samples = []
            for number, segment in enumerate(table, start=1):
                samples.append(builder.build(segment, split))
                if on_progress is not None and (number % 500 == 0 or number == len(table)):
                    on_progress(name, number, len(table))
            lines = write_samples(folder / f"{name}.jsonl", samples)
            files[f"{name}.jsonl"] = {"samples": len(lines), "content_sha256": content_sha256(lines)}
    manifest = {
        "seed": sft.seed,
        "distractors": str(distractors.strategy),
        "num_options": sft.num_options,
        "prompts": {"name": prompts.name, "version": prompts.version},
        "classes": {
            "verbs": len(annotations.vocabulary.verbs),
            "nouns": len(annotations.vocabulary.nouns),
            "actions": annotations.vocabulary.num_actions,
        },
        "sources": sources,
        "files": files,
    }
    ClassTable.from_annotations(annotations).save(folder)
    write_json(folder / MANIFEST, manifest)
    return manifest


def _make_builder(
    view: View,
    annotations: Annotations,
    sft: SftConfig,
    distractors: DistractorsConfig,
    prompts: PromptsConfig,
    bank: NarrationBank,
    split: Split,
) -> tuple[Builder, dict[str, str]]:
    vocabulary = annotations.vocabulary
    if view is View.DIRECT:
        return DirectBuilder(vocabulary, prompts), {}
    strategy = make_strategy(distractors, annotations, split)
    return MqaBuilder(vocabulary, prompts, bank, strategy, sft.num_options, sft.seed), strategy.hashes
