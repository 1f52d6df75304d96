"""The classes that a folder of samples was numbered with, kept beside the samples and in every checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.text.class_texts import noun_text, verb_text
from llavaction.text.matching import narration_classes, normalise
from llavaction.utils.errors import DataError
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import read_json, write_json

CLASSES_FILE = "classes.json"


@dataclass(frozen=True)
class ClassTable:
    """Names and numbers of the classes, and the narrations that stand for them.

    Attributes:
        verbs, nouns: keys, in the order of their ids.
        actions: ``"verb:noun"`` keys, in the order of their ids.
        narrations: the action key of each normalised narration.
    """

    verbs: tuple[str, ...]
    nouns: tuple[str, ...]
    actions: tuple[str, ...]
    narrations: Mapping[str, str]

    @classmethod
    def from_annotations(cls, annotations: Annotations) -> ClassTable:
        """The table of a dataset."""
        vocabulary = annotations.vocabulary
        return cls(
            verbs=tuple(verb.key for verb in vocabulary.verbs),
            nouns=tuple(noun.key for noun in vocabulary.nouns),
            actions=vocabulary.action_keys,
            narrations=narration_classes([*annotations.train, *annotations.validation]),
        )

    @property
    def numbering(self) -> str:
        """A hash that is equal where ids mean the same."""
        return content_sha256([json.dumps([self.verbs, self.nouns, self.actions])])

    def class_of(self, text: str) -> tuple[int, int] | None:
        """The (verb_id, noun_id) of a text, or None when no annotator ever wrote it."""
        key = self.narrations.get(normalise(text))
        return None if key is None else self.verb_noun(key)

    def action_name(self, action_id: int) -> str:
        """An action in class keys, for example ``put plate``."""
        verb_id, noun_id = self.verb_noun(self.actions[action_id])
        return f"{self.verbs[verb_id]} {self.nouns[noun_id]}"

    def action_text(self, action_id: int) -> str:
        """An action in plain words, for example ``put down slotted spoon``."""
        verb_id, noun_id = self.verb_noun(self.actions[action_id])
        return f"{verb_text(self.verbs[verb_id])} {noun_text(self.nouns[noun_id])}"

    @staticmethod
    def verb_noun(key: str) -> tuple[int, int]:
        """The ids in an action key."""
        verb, noun = key.split(":")
        return int(verb), int(noun)

    def save(self, folder: Path) -> None:
        """Write `classes.json`."""
        write_json(folder / CLASSES_FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> ClassTable:
        """Read `classes.json`.

        Raises:
            DataError: when it is missing or not such a table.
        """
        path = folder / CLASSES_FILE
        if not path.is_file():
            raise DataError(f"{path}: no such file; it is written by `llavaction build-sft` and `llavaction train`")
        row = read_json(path)
        try:
            return cls(tuple(row["verbs"]), tuple(row["nouns"]), tuple(row["actions"]), dict(row["narrations"]))
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: {type(error).__name__}: {error}") from None

    def check_same(self, other: ClassTable, mine: str, others: str) -> None:
        """Make sure that ids mean the same in two places.

        Raises:
            DataError: when they do not.
        """
        if self.numbering != other.numbering:
            raise DataError(
                f"{mine} and {others} number their classes differently ({len(self.actions)} and {len(other.actions)} "
                "actions); build both from the same annotation files"
            )
