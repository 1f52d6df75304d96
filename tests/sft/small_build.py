"""A small build from files: what `llavaction build-sft` does, without its command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llavaction.annotations.epic_kitchens import Annotations, AnnotationsConfig, Split, load_annotations
from llavaction.sft.annotator.records import ANNOTATIONS_FILE, ClipAnnotation, PromptVersion, QaPair
from llavaction.sft.build import build_sft
from llavaction.sft.config import SftConfig
from llavaction.sft.distractors import DistractorsConfig, StrategyName
from llavaction.sft.factory import Recipe
from llavaction.utils.draws import draws_for
from llavaction.utils.jsonl import write_json, write_jsonl
from tests.annotations.ek100_files import write_ek100
from tests.sft.worlds import PROMPTS

NUM_OPTIONS = 3


def write_specialist(folder: Path, annotations: Annotations) -> DistractorsConfig:
    """Write prediction files in the public format for both splits."""
    names: dict[Split, str] = {}
    for split in Split:
        entries = {}
        for row, segment in enumerate(annotations.split(split)):
            keys = draws_for(0, segment.segment_id).shuffled(annotations.vocabulary.action_keys)
            entries[str(row)] = {"predictions": keys[:7], "target": segment.action_key}
        path = folder / f"tim_{split}.json"
        path.write_text(json.dumps(entries))
        names[split] = str(path)
    return DistractorsConfig(names[Split.TRAIN], names[Split.VALIDATION], strategy=StrategyName.SPECIALIST)


def write_clip_annotations(folder: Path, *segment_ids: str) -> str:
    """Write an annotator's words about these segments and return the file's name."""
    prompt = PromptVersion("test", 1)
    annotations = [
        ClipAnnotation(name, f"This is {name}.", (QaPair("Where?", "Here."), QaPair("When?", "Now.")), "model", prompt)
        for name in segment_ids
    ]
    write_jsonl(folder / ANNOTATIONS_FILE, (annotation.to_row() for annotation in annotations))
    return str(folder / ANNOTATIONS_FILE)


def write_conversations(folder: Path, count: int = 3) -> str:
    """Write conversations of another data set and return the file's name."""
    turns = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]
    write_json(folder / "mix.json", [{"id": f"c{number}", "conversations": turns} for number in range(count)])
    return str(folder / "mix.json")


def build_small(folder: Path, strategy: str, **options: Any) -> tuple[Annotations, dict[str, Any]]:
    """Write miniature annotations, build into `folder/sft` and return the annotations and the manifest."""
    write_ek100(folder)
    return build_again(folder, strategy, **options)


def build_again(folder: Path, strategy: str, **options: Any) -> tuple[Annotations, dict[str, Any]]:
    """Build from the annotations that lie in `folder`."""
    annotations = load_annotations(AnnotationsConfig(folder=str(folder)))
    distractors = DistractorsConfig(strategy=StrategyName(strategy))
    if strategy == StrategyName.SPECIALIST:
        distractors = write_specialist(folder, annotations)
    sft = SftConfig(**{"num_options": NUM_OPTIONS, **options})
    return annotations, build_sft(annotations, Recipe(sft, distractors, PROMPTS), folder / "sft")
