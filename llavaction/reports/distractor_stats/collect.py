"""What specialists' predictions, and the questions made of them, are like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.reports.distractor_stats.config import StatsConfig
from llavaction.reports.distractor_stats.questions import QuestionStats, collect_questions
from llavaction.specialists.agreement import (
    OVERLAP_K,
    ClassDifficulty,
    difficulty,
    recall_curve,
    top1_agreement,
    top5_overlap,
)
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.readers import read_predictions
from llavaction.utils.errors import ConfigError


@dataclass(frozen=True)
class SourceStats:
    """One prediction file.

    Attributes:
        recall: share of the segments whose true action is among the first k, for every k from 1.
        hardest_verbs: verbs with enough segments and the lowest top-1 accuracy, lowest first.
    """

    split: Split
    num_segments: int
    recall: dict[int, float]
    hardest_verbs: tuple[ClassDifficulty, ...]
    hardest_nouns: tuple[ClassDifficulty, ...]


@dataclass(frozen=True)
class PairStats:
    """Two prediction files for one split; the overlap is None where one of them ranks fewer than five actions."""

    names: tuple[str, str]
    num_segments: int
    top1_agreement: float
    top5_overlap: float | None


@dataclass(frozen=True)
class DistractorStats:
    """Everything: by name of the source and of the sample file, and for each pair of sources."""

    sources: dict[str, SourceStats]
    pairs: tuple[PairStats, ...]
    questions: dict[str, QuestionStats]


def collect_stats(config: StatsConfig, annotations: Annotations) -> DistractorStats:
    """Read all files and compute their figures.

    Raises:
        ConfigError: when `config` names no file.
        DataError: when a file does not fit the annotations.
    """
    if not config.predictions and not config.samples:
        raise ConfigError(
            "no predictions or samples to look at; give +stats.predictions.NAME.path=FILE or +stats.samples.NAME=FILE"
        )
    predictions = {
        name: read_predictions(
            Path(source.path), annotations.split(source.split), annotations.vocabulary, source.format
        )
        for name, source in config.predictions.items()
    }
    return DistractorStats(
        sources={name: _source_stats(rows, config, name, annotations) for name, rows in predictions.items()},
        pairs=_pairs(config, predictions),
        questions={
            name: collect_questions(Path(path), annotations.vocabulary, predictions)
            for name, path in config.samples.items()
        },
    )


def _source_stats(
    predictions: TopKPredictions, config: StatsConfig, name: str, annotations: Annotations
) -> SourceStats:
    split = config.predictions[name].split
    table, vocabulary = annotations.split(split), annotations.vocabulary
    classes = difficulty(predictions, table, vocabulary)
    return SourceStats(
        split=split,
        num_segments=len(table),
        recall=recall_curve(predictions, table, vocabulary, range(1, predictions.top_k + 1)),
        hardest_verbs=_hardest(classes.verbs, config),
        hardest_nouns=_hardest(classes.nouns, config),
    )


def _hardest(classes: tuple[ClassDifficulty, ...], config: StatsConfig) -> tuple[ClassDifficulty, ...]:
    frequent = [entry for entry in classes if entry.num_segments >= config.min_segments]
    return tuple(sorted(frequent, key=lambda entry: (entry.top1, entry.recall_at_5, entry.name))[: config.num_hardest])


def _pairs(config: StatsConfig, predictions: Mapping[str, TopKPredictions]) -> tuple[PairStats, ...]:
    pairs = []
    for first, second in combinations(predictions, 2):
        if config.predictions[first].split is not config.predictions[second].split:
            continue
        a, b = predictions[first], predictions[second]
        overlap = top5_overlap(a, b) if min(a.top_k, b.top_k) >= OVERLAP_K else None
        pairs.append(PairStats((first, second), len(a.segment_ids), top1_agreement(a, b), overlap))
    return tuple(pairs)
