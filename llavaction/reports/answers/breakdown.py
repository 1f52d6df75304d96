"""Where a run is right and where it is not: its main metrics by verb, noun, length, distractors and position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from llavaction.evaluation.breakdowns import (
    distractor_kind_of,
    estimate_groups,
    length_bin_of,
    noun_of,
    position_of,
    verb_of,
)
from llavaction.evaluation.config import CHOICES, TaskName
from llavaction.evaluation.predictions import Row
from llavaction.reports.answers.cells import count_cell, estimate_cell
from llavaction.reports.answers.samples import SampleFiles
from llavaction.reports.answers.task_rows import TaskRows
from llavaction.reports.class_names import class_names
from llavaction.reports.figures.config import Part
from llavaction.reports.table import Table
from llavaction.sft.prompts import LETTERS
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError

MAIN_METRICS = ("accuracy", "verb", "noun", "action", "mean_iou", "r1_iou_0.5", "rouge_l", "cider")
"""Metrics that are broken down, where a task has them; the others follow these closely. By verb there is no metric of
nouns, and by noun none of verbs."""
NUM_RESAMPLES = 1_000
"""Bootstrap samples of each cell; half of what a metric gets, as there are hundreds of cells."""
OTHERS = -1
"""Stands for the classes that have no row of their own."""
QUESTIONS = "questions"
_CLASS_OF: Mapping[Part, Callable[[Row], int]] = {Part.VERB: verb_of, Part.NOUN: noun_of}


@dataclass(frozen=True)
class Grouping:
    """Groups of a task's answered rows.

    Attributes:
        heading: what they are groups of.
        keys: the group of each row.
        names: of the groups in the order they are shown in.
        idle: a main metric that is not about such groups.
    """

    heading: str
    keys: Sequence[Any]
    names: Mapping[Any, str]
    idle: str | None = None


def breakdowns(task: TaskRows, files: SampleFiles, num_classes: int) -> Iterator[tuple[str, Callable[[], Table]]]:
    """The tables that a task of this kind has, by name, and how to make each.

    Making one raises a DataError where the rows, the run's classes or its samples do not tell the groups.
    """

    @cache
    def samples() -> Mapping[str, Sample]:
        return files.of_task(task)

    for part in Part:
        yield f"{task.task}_by_{part}", lambda part=part: _table(task, _by_class(task, part, num_classes))  # type: ignore[misc]
    yield f"{task.task}_by_clip_length", lambda: _table(task, _by_length(task, samples()))
    # Candidates are no distractors, and stand by rank.
    if task.kind in CHOICES and task.kind is not TaskName.TWO_STAGE:
        yield f"{task.task}_by_distractors", lambda: _table(task, _by_distractors(task, samples()))
        yield f"{task.task}_by_position", lambda: _table(task, _by_position(task))


def _table(task: TaskRows, groups: Grouping) -> Table:
    """The main metrics of each group.

    Raises:
        DataError: when nothing can be computed from the rows.
    """
    metrics = [metric for metric in MAIN_METRICS if metric in task.outcomes and metric != groups.idle]
    if not metrics:
        raise DataError(f"task {task.task!r} has no metric to break down")
    run = str(task.run.path)
    found = {
        metric: estimate_groups(task.outcomes[metric], task.videos, groups.keys, metric, num_resamples=NUM_RESAMPLES)
        for metric in metrics
    }
    sizes = Counter(groups.keys)
    rows = {
        name: (
            count_cell(sizes[key], sizes[key], run),
            *(estimate_cell(found[metric][key], run) for metric in metrics),
        )
        for key, name in groups.names.items()
    }
    title = f"{task.task}: by {groups.heading}, percent"
    return Table(title, (QUESTIONS, *metrics), rows, note=task.excluded_note)


def _by_class(task: TaskRows, part: Part, num_classes: int) -> Grouping:
    """The most frequent true classes, and all others together."""
    class_ids = list(map(_CLASS_OF[part], task.answered))
    sizes = Counter(class_ids)
    ranked = sorted(sizes, key=lambda class_id: (-sizes[class_id], class_id))
    shown, rest = ranked[:num_classes], ranked[num_classes:]
    names = dict(zip(shown, class_names(task.run, part, shown)))
    if rest:
        names[OTHERS] = f"others ({len(rest)} {part}{'s' if len(rest) > 1 else ''})"
    other = Part.NOUN if part is Part.VERB else Part.VERB
    return Grouping(str(part), [key if key in names else OTHERS for key in class_ids], names, idle=str(other))


def _by_length(task: TaskRows, samples: Mapping[str, Sample]) -> Grouping:
    return _in_order("length of the clip", list(map(length_bin_of(samples), task.answered)), str)


def _by_distractors(task: TaskRows, samples: Mapping[str, Sample]) -> Grouping:
    return _in_order("distractors", list(map(distractor_kind_of(samples), task.answered)), str)


def _by_position(task: TaskRows) -> Grouping:
    keys = list(map(position_of, task.answered))
    return _in_order("letter of the right answer", keys, lambda position: LETTERS[position])


def _in_order(heading: str, keys: Sequence[Any], name_of: Callable[[Any], str]) -> Grouping:
    return Grouping(heading, keys, {key: name_of(key) for key in sorted(set(keys))})
