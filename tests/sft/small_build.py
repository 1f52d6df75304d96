"""A small build from files: what `llavaction build-sft` does, without its command line."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from llavaction.annotations.epic_kitchens import Annotations, Split, load_annotations
from llavaction.sft.build import SftConfig, build_sft
from llavaction.sft.distractors import DistractorsConfig, StrategyName
from tests.annotations.ek100_files import write_ek100
from tests.sft.worlds import PROMPTS

NUM_OPTIONS = 3


def write_specialist(folder: Path, annotations: Annotations) -> DistractorsConfig:
    """Write prediction files in the public format for both splits."""
    names: dict[Split, str] = {}
    for split in Split:
        entries = {}
        for row, segment in enumerate(annotations.split(split)):
            keys = list(annotations.vocabulary.action_keys)
            random.Random(segment.segment_id).shuffle(keys)
            entries[str(row)] = {"predictions": keys[:7], "target": segment.action_key}
        path = folder / f"tim_{split}.json"
        path.write_text(json.dumps(entries))
        names[split] = str(path)
    return DistractorsConfig(StrategyName.SPECIALIST, names[Split.TRAIN], names[Split.VALIDATION])


def build_small(folder: Path, strategy: str, **options: Any) -> tuple[Annotations, dict[str, Any]]:
    """Write miniature annotations, build into `folder/sft` and return the annotations and the manifest."""
    annotations = load_annotations(write_ek100(folder))
    distractors = write_specialist(folder, annotations) if strategy == "specialist" else DistractorsConfig()
    sft = SftConfig(num_options=NUM_OPTIONS, **options)
    return annotations, build_sft(annotations, sft, distractors, PROMPTS, folder / "sft")
