"""EK100's metrics of recognition from the rows of an evaluation, or from a file of predictions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.evaluation.config import RANKINGS
from llavaction.evaluation.intervals import Estimate
from llavaction.evaluation.outcomes import answered_rows
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.ranks import LARGEST_K, TruthRanks
from llavaction.evaluation.recognition import PARTS, read_ranks, recognition_metrics
from llavaction.evaluation.subsets import Subsets, check_ek100_validation, find_subsets
from llavaction.sft.classes import ClassTable
from llavaction.specialists.agreement import NOT_RANKED
from llavaction.specialists.predictions import check_covers
from llavaction.utils.errors import ConfigError, DataError

Figures = Mapping[str, Estimate | None]
"""By name of the metric; None where there is nothing to compute it from."""

_EK100_CLASSES = (97, 300)
_NAME = re.compile(r"(all|unseen|tail)_(verb|noun|action)_(accuracy_at_[15]|mean_class_accuracy)")


def is_recognition(metric: str) -> bool:
    """Whether a metric is one of EK100's recognition, such as ``tail_noun_accuracy_at_1``."""
    return _NAME.fullmatch(metric) is not None


@dataclass(frozen=True)
class Recognition:
    """The validation split of a dataset, by which rankings are judged."""

    table: SegmentTable
    vocabulary: Vocabulary
    subsets: Subsets

    @classmethod
    def of(cls, annotations: Annotations) -> Recognition:
        """That of some annotations.

        Raises:
            DataError: when they have EK100's classes, and not its validation split as it was published.
        """
        table, vocabulary = annotations.validation, annotations.vocabulary
        subsets = find_subsets(table, annotations.splits)
        if (len(vocabulary.verbs), len(vocabulary.nouns)) == _EK100_CLASSES:
            check_ek100_validation(subsets)
        return cls(table, vocabulary, subsets)

    def of_file(self, path: Path) -> Figures:
        """Figures of a file of predictions of any format.

        Raises:
            DataError: when it is no such file, or for other segments.
        """
        return recognition_metrics(read_ranks(path, self.table, self.vocabulary), self.table, self.subsets)

    def of_rows(self, rows: Sequence[Row], classes: ClassTable, source: str) -> Figures:
        """Figures of the answered ones of a task's rows; those of more classes than a row ranks are None.

        Args:
            classes: what the ids in the rows mean.
            source: the file of the rows, for errors.

        Raises:
            ConfigError: when rows of this kind rank no classes.
            DataError: when they are not about exactly the segments of the split, or ids mean something else.
        """
        if rows and rows[0].kind not in RANKINGS:
            raise ConfigError(
                f"{source}: rows of kind {rows[0].kind} rank no classes; recognition needs one of {', '.join(RANKINGS)}"
            )
        self._check(rows, classes, source)
        answered = answered_rows(rows)
        table, kept = self._part(answered)
        subsets = Subsets(**{name: mask[kept] for name, mask in vars(self.subsets).items()})
        by_segment = {row.segment_id: row for row in answered}
        ordered = [by_segment[segment.segment_id] for segment in table]
        figures = recognition_metrics(ranks_of_rows(ordered, self.vocabulary, source), table, subsets)
        if min((len(row.top_actions) for row in ordered if row.predicted), default=0) >= LARGEST_K:
            return figures
        return {name: None if name.endswith(f"at_{LARGEST_K}") else value for name, value in figures.items()}

    def _part(self, rows: Sequence[Row]) -> tuple[SegmentTable, np.ndarray]:
        """The segments that have a row, and which of all they are, bool `[N]`."""
        there = {row.segment_id for row in rows}
        kept = np.array([segment.segment_id in there for segment in self.table])
        segments = tuple(segment for segment in self.table if segment.segment_id in there)
        return SegmentTable(self.table.source, segments), kept

    def _check(self, rows: Sequence[Row], classes: ClassTable, source: str) -> None:
        if tuple(classes.actions) != self.vocabulary.action_keys:
            raise DataError(
                f"{source}: its classes.json numbers {len(classes.actions)} actions, {self.table.source} and its "
                f"classes have {self.vocabulary.num_actions} others; name the annotations that it was evaluated with"
            )
        if len({row.segment_id for row in rows}) < len(rows):
            raise DataError(f"{source}: two rows are about one segment; recognition counts each segment once")
        check_covers(source, {row.segment_id for row in rows}, self.table)
        for row in rows:
            segment = self.table.get(row.segment_id)
            if row.truth[:2] != (segment.verb_id, segment.noun_id):
                raise DataError(
                    f"{source}: row {row.sample_id!r} has verb and noun {row.truth[:2]} for segment "
                    f"{row.segment_id!r}, {self.table.source} has {(segment.verb_id, segment.noun_id)}"
                )


def ranks_of_rows(rows: Sequence[Row], vocabulary: Vocabulary, source: str) -> TruthRanks:
    """Where the truth stands in each row's ranking.

    Verbs and nouns stand in the order of their first actions; what a row predicts comes first, as the heads of an
    action token name a verb and a noun of their own.
    """
    pairs = [vocabulary.verb_noun(action_id) for action_id in range(vocabulary.num_actions)]
    class_of: dict[str, Callable[[int], int]] = {
        "verb": lambda action_id: pairs[action_id][0],
        "noun": lambda action_id: pairs[action_id][1],
        "action": lambda action_id: action_id,
    }
    ranks = {
        part: np.array([_rank(row, place, class_of[part]) for row in rows], np.int64)
        for place, part in enumerate(PARTS)
    }
    return TruthRanks(source, **ranks)


def _rank(row: Row, part: int, class_of: Callable[[int], int]) -> int:
    if row.predicted is not None and row.predicted[part] == row.truth[part]:
        return 0
    ranked = dict.fromkeys(map(class_of, row.top_actions))
    for place, class_id in enumerate(ranked):
        if class_id == row.truth[part]:
            # Something else was predicted.
            return max(place, 1)
    return int(NOT_RANKED)
