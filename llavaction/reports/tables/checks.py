"""Whether the runs of a table may stand side by side: asked the same, and in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from llavaction.evaluation.config import CHOICES, TaskName
from llavaction.evaluation.predictions import read_rows
from llavaction.evaluation.same_questions import align_questions
from llavaction.reports.config import SIMPLE
from llavaction.reports.tables.cells import CellSource
from llavaction.reports.tables.config import ColumnConfig, SameBy, Setting, TableConfig
from llavaction.reports.tables.facts import TaskFacts
from llavaction.utils.errors import ConfigError, DataError

_OF_KIND = (Setting.MODE, Setting.ORDER, Setting.LENGTH_NORMALISED, Setting.TEXT_PRIOR)
"""Settings that are compared among tasks of like kinds only: candidates are shuffled, built questions need not be."""
_AT_K = re.compile(r"(?:action|recall)_at_(\d+)")


@dataclass(frozen=True)
class KnownCell:
    """A cell whose run has rows of its task."""

    source: CellSource
    facts: TaskFacts


def check_table(name: str, table: TableConfig, cells: Sequence[KnownCell]) -> None:
    """Make sure that cells which a reader will compare can be compared.

    Raises:
        DataError: when the runs of a column were asked different questions, naming the first difference.
        ConfigError: when runs differ in a setting in which the table does not allow it.
    """
    for column in table.columns:
        _check_questions(table.same_by, [cell for cell in cells if cell.source.column == column])
    _check_settings(name, table, cells)


def _check_questions(same_by: SameBy, cells: Sequence[KnownCell]) -> None:
    first_of: dict[TaskName | None, KnownCell] = {}
    for cell in cells:
        first = first_of.setdefault(cell.facts.kind if same_by is SameBy.QUESTIONS else None, cell)
        if cell.facts.prints[same_by] != first.facts.prints[same_by]:
            _raise_difference(same_by, first, cell)


def _raise_difference(same_by: SameBy, first: KnownCell, second: KnownCell) -> None:
    files = [cell.facts.run.rows_file(cell.facts.task) for cell in (first, second)]
    rows = [read_rows(file) for file in files]
    where = f"{second.source}: cells of one column must be over the same {same_by}"
    if same_by is SameBy.QUESTIONS:
        try:
            align_questions(rows[0], rows[1], (str(files[0]), str(files[1])))
        except DataError as error:
            raise DataError(f"{where}; {error}") from None
    asked = [{(row.segment_id, row.truth) for row in of_file} for of_file in rows]
    only = [sorted(asked[0] - asked[1]), sorted(asked[1] - asked[0])]
    example = [*only[0], *only[1]][:1]
    raise DataError(
        f"{where}; {files[0]} has {len(only[0])} that {files[1]} has not, and lacks {len(only[1])} of its own (such as "
        f"{example}); evaluate both on the same clips"
    )


def _check_settings(name: str, table: TableConfig, cells: Sequence[KnownCell]) -> None:
    seen: dict[tuple[Any, ...], tuple[KnownCell, Any]] = {}
    for cell in cells:
        column = table.columns[cell.source.column]
        for setting, value in _settings(cell):
            fixed = _fixed(column, setting)
            if fixed is not None and value != fixed:
                raise ConfigError(
                    f"{cell.source}: {cell.facts.run.path} has {setting} = {value}, and the column is for {fixed}"
                )
            if fixed is not None or setting in table.may_differ:
                continue
            like = _family(cell.facts.kind) if setting in _OF_KIND else None
            place = (setting, like, None if table.columns_alike else cell.source.column)
            first, expected = seen.setdefault(place, (cell, value))
            if value != expected:
                raise _mixed(name, [*table.may_differ, setting], (first, expected), (cell, value))


def _settings(cell: KnownCell) -> Iterator[tuple[Setting, Any]]:
    facts = cell.facts
    yield from facts.run.settings(facts.task, facts.kind).items()
    at_k = _AT_K.fullmatch(cell.source.metric or "")
    number = int(at_k.group(1)) if at_k else facts.num_options
    if number is not None:
        yield Setting.NUM_OPTIONS, number


def _fixed(column: ColumnConfig, setting: Setting) -> int | None:
    return {Setting.NUM_FRAMES: column.num_frames, Setting.NUM_OPTIONS: column.num_options}.get(setting)


def _family(kind: TaskName) -> str:
    """Questions with a right option among wrong ones are of one kind, however they are told."""
    return "questions" if kind in CHOICES and kind is not TaskName.TWO_STAGE else str(kind)


def _mixed(
    name: str, allowed: Sequence[Setting], first: tuple[KnownCell, Any], second: tuple[KnownCell, Any]
) -> ConfigError:
    (one, value), (other, other_value) = first, second
    key = "report.may_differ" if name == SIMPLE else f"report.tables.{name}.may_differ"
    return ConfigError(
        f"table {name!r} mixes runs: {allowed[-1]} is {value} in {one.facts.run.path} (row {one.source.row!r}) and "
        f"{other_value} in {other.facts.run.path} (row {other.source.row!r}); evaluate them alike, or allow it with "
        f"{key}=[{','.join(allowed)}]"
    )
