"""One row per question: everything that metrics and reports need. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llavaction.evaluation.config import TaskName
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_unique


@dataclass(frozen=True)
class Row:
    """A question and the model's answer.

    Attributes:
        truth: verb, noun and action id of the clip.
        answer: the right answer's text.
        options, answer_idx, scores, chosen_idx: choices, the right one's index, log-likelihoods (empty when
            generated) and the model's choice; chosen_idx is None when an answer could not be parsed.
        raw: generated text.
        predicted: verb and noun id of the prediction (None where a text names no known class), action id.
        top_actions: ids of the likeliest actions, best first; `scores` are then their log-probabilities.
    """

    task: str
    kind: TaskName
    sample_id: str
    segment_id: str
    truth: tuple[int, int, int]
    answer: str
    options: tuple[str, ...] = field(default=())
    answer_idx: int | None = None
    scores: tuple[float, ...] = field(default=())
    chosen_idx: int | None = None
    raw: str | None = None
    predicted: tuple[int, int, int] | None = None
    top_actions: tuple[int, ...] = field(default=())

    def to_row(self) -> dict[str, Any]:
        """The row as a JSON object."""
        return dict(vars(self))

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Row:
        """The row of a JSON object.

        Raises:
            DataError: for a missing or unknown field.
        """
        try:
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
            values["kind"] = TaskName(row["kind"])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"row {row.get('sample_id')!r}: {type(error).__name__}: {error}") from None


def read_rows(path: Path) -> list[Row]:
    """Read a file of rows.

    Raises:
        DataError: naming the line, when one is no row or a sample stands twice.
    """
    return read_unique(path, Row.from_row, lambda row: row.sample_id)
