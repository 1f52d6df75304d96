"""EK100's metrics counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.splits import Splits
from llavaction.evaluation.challenge import Submission, SupervisionLevels, scores_by_pair, write_submission
from llavaction.evaluation.class_scores import ClassScores
from llavaction.evaluation.ranks import TruthRanks, ranks_of_predictions, ranks_of_scores
from llavaction.evaluation.recognition import mean_class_accuracy, read_ranks, recognition_metrics
from llavaction.evaluation.subsets import find_subsets
from llavaction.specialists.predictions import TopKPredictions, save_predictions
from llavaction.utils.errors import DataError
from tests.evaluation.scores import VOCABULARY, scores_of, table_of
from tests.properties import reproducible
from tests.specialists.files import write_json

# Video, verb, noun. P18 is unseen; verb 2 and noun 3 are tail classes.
TABLE = table_of(
    ("P01_01", 0, 0),
    ("P01_01", 0, 1),
    ("P01_02", 1, 3),
    ("P18_01", 2, 0),
    ("P18_01", 0, 1),
    ("P02_01", 1, 2),
)
SUBSETS = find_subsets(TABLE, Splits(frozenset({2}), frozenset({3}), frozenset({"P18"})))
SCORES = scores_of(
    TABLE,
    # Right: yes, yes, no, yes, no (third), yes.
    verb=[[3, 1, 0], [2, 0, 1], [5, 4, 0], [0, 0, 1], [1, 4, 3], [0, 9, 0]],
    # Right: yes, no (second), yes, no (second), no (fourth), yes.
    noun=[[1, 0, 0, 0], [3, 2.5, 0, 0], [0, 0, 0, 1], [1, 4, 0, 0], [3, -4, 1, 2], [0, 0, 8, 0]],
)
BY_HAND = {
    "all_verb_accuracy_at_1": 4 / 6,
    "all_verb_accuracy_at_5": 1,
    "all_noun_accuracy_at_1": 3 / 6,
    "all_noun_accuracy_at_5": 1,
    # Verb and noun right: segments 0 and 5. Truths of 1 (4.5) and 2 (5) stand second, that of 3 (2) behind 2:1, 0:1 and
    # 1:1, that of 4 (-3) last.
    "all_action_accuracy_at_1": 2 / 6,
    "all_action_accuracy_at_5": 5 / 6,
    "unseen_verb_accuracy_at_1": 1 / 2,
    "unseen_noun_accuracy_at_1": 0,
    "unseen_action_accuracy_at_1": 0,
    # Tail verb: segment 3. Tail noun: segment 2. Tail action: both.
    "tail_verb_accuracy_at_1": 1,
    "tail_noun_accuracy_at_1": 1,
    "tail_action_accuracy_at_1": 0,
    # Verbs: 2 of 3, 1 of 2, 1 of 1. Nouns: 1 of 2, 0 of 2, 1 of 1, 1 of 1. Actions: 0:0 1, 0:1 0 of 2, 1:3, 2:0, 1:2 1.
    "all_verb_mean_class_accuracy": (2 / 3 + 1 / 2 + 1) / 3,
    "all_noun_mean_class_accuracy": (1 / 2 + 0 + 1 + 1) / 4,
    "all_action_mean_class_accuracy": 2 / 5,
}


def values(ranks: TruthRanks) -> dict[str, float | None]:
    metrics = recognition_metrics(ranks, TABLE, SUBSETS)
    return {name: None if estimate is None else estimate.value for name, estimate in metrics.items()}


def test_by_hand() -> None:
    found = values(ranks_of_scores(SCORES, TABLE, VOCABULARY))

    assert found == pytest.approx(BY_HAND)


def test_the_counts_beside_each_figure() -> None:
    metrics = recognition_metrics(ranks_of_scores(SCORES, TABLE, VOCABULARY), TABLE, SUBSETS)
    counts = {name: (e.num_rows, e.num_clusters) for name, e in metrics.items() if e is not None}

    assert counts["all_action_accuracy_at_5"] == counts["all_action_mean_class_accuracy"] == (6, 4)
    assert counts["unseen_noun_accuracy_at_1"] == (2, 1)
    assert counts["tail_action_accuracy_at_1"] == (2, 2)


@pytest.mark.parametrize("right", [True, False])
def test_a_perfect_and_a_hopeless_model(right: bool) -> None:
    rank = np.full(len(TABLE), 0 if right else 7)
    found = values(TruthRanks("model", rank, rank, rank))

    assert set(found.values()) == {float(right)}


def test_a_subset_without_segments_has_no_figure() -> None:
    subsets = find_subsets(TABLE, Splits(frozenset(), frozenset({3}), frozenset({"P18"})))
    metrics = recognition_metrics(ranks_of_scores(SCORES, TABLE, VOCABULARY), TABLE, subsets)

    assert [name for name, estimate in metrics.items() if estimate is None] == ["tail_verb_accuracy_at_1"]


def test_ranks_of_other_segments_are_refused() -> None:
    ranks = ranks_of_scores(SCORES, TABLE, VOCABULARY)
    with pytest.raises(DataError, match="model: 6 ranks, 6 marks, 1 segments"):
        recognition_metrics(ranks, table_of(("P01_01", 0, 0)), SUBSETS)


@reproducible
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=30))
def test_mean_class_accuracy(rows: list[tuple[int, bool]]) -> None:
    classes = {class_id for class_id, _ in rows}
    by_class = [[right for other, right in rows if other == class_id] for class_id in classes]
    expected = sum(sum(rights) / len(rights) for rights in by_class) / len(classes)

    right, ids = np.array([right for _, right in rows]), np.array([class_id for class_id, _ in rows])
    assert mean_class_accuracy(right, ids) == pytest.approx(expected)
    # Every class twice as often is the same.
    assert mean_class_accuracy(np.tile(right, 2), np.tile(ids, 2)) == pytest.approx(expected)


def test_a_constant_predictor_has_the_accuracy_of_one_class() -> None:
    scores = ClassScores("constant", SCORES.segment_ids, np.eye(3)[[0] * 6], np.eye(4)[[1] * 6])
    found = values(ranks_of_scores(scores, TABLE, VOCABULARY))

    assert found["all_verb_accuracy_at_1"] == 3 / 6
    assert found["all_verb_mean_class_accuracy"] == pytest.approx(1 / 3)
    assert found["all_action_accuracy_at_1"] == found["all_noun_accuracy_at_1"] == 2 / 6


def test_from_every_kind_of_file(tmp_path: Path) -> None:
    levels = SupervisionLevels(0, 0, 0)
    write_submission(tmp_path / "derived.zip", Submission(SCORES, None), levels)
    derived = read_ranks(tmp_path / "derived.zip", TABLE, VOCABULARY)
    assert (derived.action == ranks_of_scores(SCORES, TABLE, VOCABULARY).action).all()

    truths = [VOCABULARY.action_id(segment.verb_id, segment.noun_id) for segment in TABLE]
    ids = np.array([[truth, *(set(range(5)) - {truth})][:5] for truth in truths], np.int32)
    ranked = TopKPredictions("head", SCORES.segment_ids, ids, np.tile(-np.arange(5, dtype=np.float32), (6, 1)))
    write_submission(tmp_path / "own.zip", Submission(SCORES, scores_by_pair(ranked, VOCABULARY)), levels)
    own = read_ranks(tmp_path / "own.zip", TABLE, VOCABULARY)
    assert (own.action == 0).all()
    assert (own.verb == derived.verb).all()

    save_predictions(ranked, VOCABULARY, tmp_path / "ranked.parquet")
    rows = {
        str(row): {"predictions": [VOCABULARY.action_keys[i] for i in ids[row]], "target": segment.action_key}
        for row, segment in enumerate(TABLE)
    }
    write_json(tmp_path / "public.json", rows)
    expected = ranks_of_predictions(ranked, TABLE, VOCABULARY)
    for name in ("ranked.parquet", "public.json"):
        found = read_ranks(tmp_path / name, TABLE, VOCABULARY)
        for part in ("verb", "noun", "action"):
            assert getattr(found, part).tolist() == getattr(expected, part).tolist()
