"""The least that each command has to be told, and the dataclasses that its configuration is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

from llavaction.config.compose import compose_config
from llavaction.config.schema import ROOTS

MINIMAL = {
    "build_sft": ["paths.annotations=ann"],
    "export": ["paths.sft=sft"],
    "train": ["paths.videos=vid", "paths.sft=sft", "model.checkpoint=saved"],
    "merge": ["checkpoint=adapter", "output=merged"],
    "convert": ["source=public", "output=ours"],
    "evaluate": ["paths.videos=vid", "paths.sft=sft", "model.checkpoint=saved"],
    "evaluate_api": ["paths.videos=vid", "paths.sft=sft"],
    "judge_captions": ["run=run", "task=caption"],
    "report": [],
    "annotate": ["paths.annotations=ann", "paths.videos=vid", "annotator.model=m"],
    "audit": [],
    "distractor_stats": ["paths.annotations=ann"],
    "attention": ["paths.videos=vid", "model.checkpoint=saved", "samples=questions.jsonl"],
    "runs": [],
    "ask": [],
    "demo": [],
}


@cache
def composed(root: str, *overrides: str) -> Any:
    """A command's configuration with the least it needs and `overrides`; not to be changed."""
    return compose_config(root, [*MINIMAL[root], *overrides])


def config_classes() -> list[type]:
    """Every dataclass that is part of a command's configuration."""
    found: dict[type, None] = {}
    todo: list[Any] = list(ROOTS.values())
    while todo:
        kind = todo.pop(0)
        if isinstance(kind, type) and is_dataclass(kind):
            if kind not in found:
                found[kind] = None
                todo += [*kind.__bases__, *get_type_hints(kind).values()]
        else:
            todo += get_args(kind)
    return list(found)


def enum_fields(kinds: Iterable[type], enum: type) -> list[tuple[type, str, Any]]:
    """Dataclass, field and enum wherever a field holds one member of an enum."""
    hints = [(kind, field.name, get_type_hints(kind)[field.name]) for kind in kinds for field in fields(kind)]
    return [(kind, name, hint) for kind, name, hint in hints if isinstance(hint, type) and issubclass(hint, enum)]
