"""EK100's metrics of action recognition. No torch.

As the challenge defines them (Damen et al., Rescaling Egocentric Vision, IJCV 2022, section 4.1; names as in its
public evaluation): top-1 and top-5 accuracy of verb, noun and action on all segments, and top-1 on those of unseen
participants and of tail classes (a verb's metric on tail verbs, a noun's on tail nouns, an action's on segments with
a tail verb or a tail noun). An action is right when its verb and its noun are.

Added here: mean class accuracy, the mean over the classes that occur of the share of their segments whose top-1 is
right (a draw of the bootstrap counts the classes that occur in it), and an interval for every figure, clustered by
video.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.evaluation.challenge import read_content, to_submission
from llavaction.evaluation.intervals import Estimate, estimate_mean, estimate_statistic
from llavaction.evaluation.ranks import LARGEST_K, TruthRanks, ranks_of_predictions, ranks_of_scores, with_own_actions
from llavaction.evaluation.subsets import Subsets
from llavaction.specialists.readers import challenge, read_predictions
from llavaction.utils.errors import DataError

PARTS = ("verb", "noun", "action")
MEAN_CLASS = "mean_class_accuracy"


def recognition_metrics(
    ranks: TruthRanks, table: SegmentTable, subsets: Subsets, *, seed: int = 0
) -> dict[str, Estimate | None]:
    """All figures by name: ``all_verb_accuracy_at_1``, ..., ``tail_action_accuracy_at_1``,
    ``all_verb_mean_class_accuracy``; shares between 0 and 1, None where a subset has no segment.

    Args:
        ranks, subsets: of the segments of `table`, in its order.

    Raises:
        DataError: when they are of other numbers of segments.
    """
    if {len(table)} != {len(ranks.action), len(subsets.unseen)}:
        raise DataError(
            f"{ranks.source}: {len(ranks.action)} ranks, {len(subsets.unseen)} marks, {len(table)} segments"
        )
    videos = np.array([segment.video_id for segment in table])
    everything = np.ones(len(table), bool)
    metrics: dict[str, Estimate | None] = {}

    def add(name: str, right: np.ndarray, rows: np.ndarray) -> None:
        metrics[name] = estimate_mean(right[rows], videos[rows].tolist(), seed, name) if rows.any() else None

    for part in PARTS:
        rank = getattr(ranks, part)
        for k in (1, LARGEST_K):
            add(f"all_{part}_accuracy_at_{k}", rank < k, everything)
        add(f"unseen_{part}_accuracy_at_1", rank < 1, subsets.unseen)
        add(f"tail_{part}_accuracy_at_1", rank < 1, getattr(subsets, f"tail_{part}"))
        name = f"all_{part}_{MEAN_CLASS}"
        metrics[name] = _estimate_mean_class(rank < 1, _classes(table, part), videos.tolist(), seed, name)
    return metrics


def mean_class_accuracy(right: np.ndarray, classes: np.ndarray) -> float:
    """The mean over the classes that occur of the share of their rows that are right.

    Args:
        right: bool `[N]`.
        classes: whole numbers from 0, `[N]`.
    """
    totals = np.bincount(classes)
    occur = totals > 0
    return float((np.bincount(classes, weights=right)[occur] / totals[occur]).mean())


def read_ranks(path: Path, table: SegmentTable, vocabulary: Vocabulary) -> TruthRanks:
    """Ranks from any file of predictions for the segments of `table`.

    A challenge submission (zip or JSON) is ranked as the challenge does, by its own action scores where it has them;
    every other format holds ranked actions, see `ranks_of_predictions`.

    Raises:
        DataError: when it is no such file, or for other segments.
    """
    if path.suffix.lower() in (".zip", ".json"):
        content = read_content(path)
        if path.suffix.lower() == ".zip" or challenge.fits(content):
            submission = to_submission(path, content, vocabulary)
            ranks = ranks_of_scores(submission.scores, table, vocabulary)
            return ranks if submission.actions is None else with_own_actions(ranks, submission.actions, table)
    return ranks_of_predictions(read_predictions(path, table, vocabulary), table, vocabulary)


def _classes(table: SegmentTable, part: str) -> np.ndarray:
    """The true class of each segment; numbers of actions are those of this table alone."""
    key_of = {"verb": lambda s: s.verb_id, "noun": lambda s: s.noun_id, "action": lambda s: s.action_key}[part]
    return np.unique([key_of(segment) for segment in table], return_inverse=True)[1]


def _estimate_mean_class(right: np.ndarray, classes: np.ndarray, videos: list[str], seed: int, name: str) -> Estimate:
    return estimate_statistic(lambda rows: mean_class_accuracy(right[rows], classes[rows]), videos, seed, name)
