"""One row per question: everything that metrics and reports need. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from llavaction.evaluation.config import TaskName
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_unique

METRICS_FILE = "metrics.json"
"""Written last into the folder of an evaluation: one with this file is finished."""


@dataclass(frozen=True)
class Trial:
    """A question as it was shown once.

    Attributes:
        order: the row's options, by their index, in the order of their letters; of candidates only those shown.
        scores: log-likelihood of each, in that order; empty when the answer was generated.
        raw: generated text.
        chosen_idx: the chosen one, by its index among the row's options; None when the answer could not be parsed.
    """

    order: tuple[int, ...]
    scores: tuple[float, ...] = ()
    raw: str | None = None
    chosen_idx: int | None = None

    @property
    def letter_idx(self) -> int | None:
        """Which letter was chosen, from 0."""
        return None if self.chosen_idx is None else self.order.index(self.chosen_idx)


@dataclass(frozen=True)
class Row:
    """A question and the model's answer.

    Attributes:
        question_sha256: of the sample, see `llavaction.evaluation.questions`; rows of different builds differ in it.
        truth: verb, noun and action id of the clip.
        answer: the right answer's text.
        options: choices; of candidates by rank.
        option_actions: their action ids.
        answer_idx: the right one's index; None where there are no options, or the truth is not among the candidates.
        trials: the question as it was shown, once or in several orders, or with several numbers of candidates.
        scores: log-likelihood of each option, over orders their mean (empty when generated, or when not all candidates
            were shown: then they stand with the trials); or of `top_actions`.
        chosen_idx: the model's choice, over orders that of the mean scores or of most answers; None when an answer
            could not be parsed.
        raw: generated text; of several orders it stands with each.
        caption: the description that the model wrote before it chose.
        told: its own earlier answers, as the question told them.
        predicted: verb and noun id of the prediction (None where a text names no known class), action id.
        top_actions: ids of the likeliest actions, best first; `scores` are then theirs, unless there are options.
        target, span: seconds from the start of the clip at which the named action starts and stops, truly and as the
            model says; no span when its answer could not be parsed.
        excluded: why the question has no answer.
        seconds: wall time per question by step (load, encode, answer); the share of its batch. It is no part of what
            makes two rows equal.
    """

    task: str
    kind: TaskName
    sample_id: str
    segment_id: str
    truth: tuple[int, int, int]
    answer: str
    question_sha256: str = ""
    options: tuple[str, ...] = ()
    option_actions: tuple[int, ...] = ()
    answer_idx: int | None = None
    trials: tuple[Trial, ...] = ()
    scores: tuple[float, ...] = ()
    chosen_idx: int | None = None
    raw: str | None = None
    caption: str | None = None
    told: tuple[str, ...] = ()
    predicted: tuple[int, int, int] | None = None
    top_actions: tuple[int, ...] = ()
    target: tuple[float, float] | None = None
    span: tuple[float, float] | None = None
    excluded: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    def to_row(self) -> dict[str, Any]:
        """The row as a JSON object; what it has not is left out."""
        row = {name: value for name, value in vars(self).items() if value is not None and value not in ((), {})}
        if self.trials:
            row["trials"] = [
                {k: v for k, v in vars(trial).items() if v is not None and v != ()} for trial in self.trials
            ]
        return row

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Row:
        """The row of a JSON object.

        Raises:
            DataError: for a missing or unknown field.
        """
        unknown = row.keys() - _FIELDS
        if unknown:
            raise DataError(f"row {row.get('sample_id')!r}: unknown fields {sorted(unknown)}")
        try:
            values = _tuples(row)
            values["kind"] = TaskName(row["kind"])
            values["trials"] = tuple(Trial(**_tuples(trial)) for trial in row.get("trials", ()))
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"row {row.get('sample_id')!r}: {type(error).__name__}: {error}") from None


_FIELDS = {item.name for item in fields(Row)}


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def read_rows(path: Path) -> list[Row]:
    """Read a file of rows.

    Raises:
        DataError: naming the line, when one is no row or a sample stands twice.
    """
    return read_unique(path, Row.from_row, lambda row: row.sample_id)
