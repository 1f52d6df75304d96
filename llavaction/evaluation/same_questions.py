"""Whether two runs answered the same questions. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llavaction.evaluation.predictions import Row
from llavaction.utils.errors import DataError
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import dump_line

QUESTION_FIELDS = (
    *("sample_id", "kind", "segment_id", "truth", "answer", "options", "option_actions", "answer_idx", "target"),
    "question_sha256",
)
"""What of a row is the question; the rest is what a model made of it."""


def question_sha256(row: Row) -> str:
    """A hash of a row's question: equal where two runs were asked the same."""
    return questions_sha256([row])


def questions_sha256(rows: Iterable[Row]) -> str:
    """A hash of a set of questions, whatever their order; two numbers under one hash can be compared."""
    return content_sha256(dump_line({name: getattr(row, name) for name in QUESTION_FIELDS}) for row in rows)


def align_questions(first: Sequence[Row], second: Sequence[Row], names: tuple[str, str]) -> list[Row]:
    """The rows of `second` in the order of `first`.

    Args:
        names: of the two runs, for errors.

    Raises:
        DataError: when the questions differ, naming the first difference.
    """
    by_id = {row.sample_id: row for row in second}
    missing = [row.sample_id for row in first if row.sample_id not in by_id]
    foreign = by_id.keys() - {row.sample_id for row in first}
    if missing or foreign:
        example = missing[0] if missing else min(foreign)
        raise DataError(
            f"{names[0]} has {len(first)} questions and {names[1]} {len(second)}: {len(missing)} are only in the first "
            f"and {len(foreign)} only in the second (such as {example!r}); evaluate both on the same samples"
        )
    for row in first:
        _check_same(row, by_id[row.sample_id], names)
    return [by_id[row.sample_id] for row in first]


def _check_same(first: Row, second: Row, names: tuple[str, str]) -> None:
    for field in QUESTION_FIELDS:
        mine, other = getattr(first, field), getattr(second, field)
        if mine != other:
            raise DataError(
                f"question {first.sample_id!r}: {field} is {mine!r} in {names[0]} and {other!r} in {names[1]}; "
                "the runs were asked questions of different builds"
            )
