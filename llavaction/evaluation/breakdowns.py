"""Where a model is right and where it is not: a metric over groups of questions. No torch.

break_down(rows, verb_of)                                  by verb id; noun_of, position_of likewise
break_down(rows, length_bin_of(samples_by_id))             by clip length
break_down(rows, distractor_kind_of(samples_by_id))        by where the wrong options came from
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from llavaction.evaluation.intervals import NUM_RESAMPLES, Estimate, estimate_mean
from llavaction.evaluation.outcomes import answered_rows, outcomes_of, shown_trials, video_ids
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.questions import hash_question
from llavaction.sft.samples import Sample
from llavaction.utils.errors import DataError

LENGTH_EDGES_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Doubling lengths: half of EK100's validation clips are shorter than 2 s, one in twenty is longer than 12 s."""


class LengthBin(NamedTuple):
    """Clips of at least `low_s` and less than `high_s` seconds; it prints as ``2-4 s``."""

    low_s: float
    high_s: float

    def __str__(self) -> str:
        return f"{self.low_s:g}+ s" if math.isinf(self.high_s) else f"{self.low_s:g}-{self.high_s:g} s"


Key = TypeVar("Key", int, str, LengthBin)


def break_down(
    rows: Sequence[Row], key_of: Callable[[Row], Key], metric: str = "accuracy", *, seed: int = 0
) -> dict[Key, Estimate]:
    """The metric of each group of questions with its interval and counts, by key; every answered row is in one group.

    Args:
        key_of: the group of a row.
        metric: of the rows' task, see `OUTCOMES`.

    Raises:
        ConfigError: when the task has no such metric.
        DataError: when there are no rows, or one has no such key.
    """
    rows = answered_rows(rows)
    return estimate_groups(outcomes_of(rows, metric), video_ids(rows), list(map(key_of, rows)), metric, seed=seed)


def estimate_groups(
    outcomes: np.ndarray,
    videos: Sequence[str],
    keys: Sequence[Key],
    metric: str,
    *,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> dict[Key, Estimate]:
    """The mean of each group of `outcomes` `[N]` with its interval, by key in rising order.

    Args:
        videos, keys: N of each.
    """
    groups: dict[Key, list[int]] = {}
    for number, key in enumerate(keys):
        groups.setdefault(key, []).append(number)
    estimates = {}
    for key in sorted(groups):
        numbers = groups[key]
        clusters = [videos[number] for number in numbers]
        estimates[key] = estimate_mean(
            outcomes[np.array(numbers)], clusters, seed, metric, str(key), num_resamples=num_resamples
        )
    return estimates


def verb_of(row: Row) -> int:
    """The id of the clip's true verb."""
    return row.truth[0]


def noun_of(row: Row) -> int:
    """The id of the clip's true noun."""
    return row.truth[1]


def position_of(row: Row) -> int:
    """Where the right answer stood among the options as they were shown, from 0.

    Raises:
        DataError: when the row has no options, or they were shown several times.
    """
    if row.answer_idx is None:
        raise DataError(f"row {row.sample_id!r} has no options, and so no position of the answer")
    trials = shown_trials(row)
    if len(trials) > 1:
        raise DataError(f"row {row.sample_id!r} was shown {len(trials)} times, its answer at more than one position")
    return trials[0].order.index(row.answer_idx)


def check_samples(rows: Sequence[Row], samples: Mapping[str, Sample], hashes: Mapping[str, str]) -> None:
    """Make sure that `samples`, by their id, are what the rows answer.

    Args:
        hashes: those of `question_hashes`. Rows of older versions tell none; their options are compared.

    Raises:
        DataError: naming a row that answers none of them, or another question.
    """
    for row in rows:
        if not row.question_sha256:
            _sample_of(row, samples)
        elif row.question_sha256 != hashes.get(row.sample_id):
            raise DataError(
                f"row {row.sample_id!r} answers another question than the sample of its id asks; they are of different "
                "builds"
            )


def question_hashes(samples: Mapping[str, Sample]) -> dict[str, str]:
    """What the rows that answer samples have as `question_sha256`, by their id."""
    return {sample_id: hash_question(sample) for sample_id, sample in samples.items()}


def length_bin_of(
    samples: Mapping[str, Sample], edges_s: Sequence[float] = LENGTH_EDGES_S
) -> Callable[[Row], LengthBin]:
    """The bin of the shown clip's length, by rising `edges_s` in seconds; `samples` are those asked, by their id."""
    ends = (0.0, *edges_s, math.inf)

    def key_of(row: Row) -> LengthBin:
        clip = _sample_of(row, samples).shown_clip
        # Timestamps have hundredths of a second, whose differences are not exact in floats.
        place = bisect.bisect_right(ends, round(clip.stop_s - clip.start_s, 6))
        return LengthBin(ends[place - 1], ends[place])

    return key_of


def distractor_kind_of(samples: Mapping[str, Sample]) -> Callable[[Row], str]:
    """The strategies that brought the wrong options, ``random`` or ``same_verb+specialist``; `samples` by their id."""

    def key_of(row: Row) -> str:
        sources = {option.source for option in _sample_of(row, samples).options} - {None}
        if not sources:
            raise DataError(f"sample {row.sample_id!r} does not tell where its wrong options come from")
        return "+".join(sorted(map(str, sources)))

    return key_of


def _sample_of(row: Row, samples: Mapping[str, Sample]) -> Sample:
    """The sample that a row answers.

    Raises:
        DataError: when it is missing, or has other options.
    """
    sample = samples.get(row.sample_id)
    if sample is None:
        raise DataError(f"row {row.sample_id!r} answers none of the {len(samples)} samples; give the file it was asked")
    # Options may have been shuffled before they were shown, and heads are not shown any.
    if row.options and sorted(option.text for option in sample.options) != sorted(row.options):
        raise DataError(f"row {row.sample_id!r} has other options than its sample; they are of different builds")
    return sample
