from __future__ import annotations

import csv
import json
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from llavaction.toy_kitchen.scenes import KitchenConfig, Segment, plan_split
from llavaction.toy_kitchen.specialist import FIRST, SECOND, Specialist, rank_actions
from llavaction.toy_kitchen.vocabulary import look_alike_id, reverse_verb_id

CONFIG = KitchenConfig(num_videos_per_participant=4)


def segments_of(*, validation: bool) -> list[Segment]:
    """Segments of 12 videos, enough to know a share to within two points."""
    return [segment for video in plan_split(CONFIG, validation=validation)[:12] for segment in video.segments]


def ranks_of_truth(config: KitchenConfig, segments: list[Segment], specialist: Specialist = FIRST) -> np.ndarray:
    """Rank from 1 of each segment's own action; 99 where it is not in the list."""
    ranks = []
    for segment in segments:
        ranked = rank_actions(config, segment, specialist=specialist)
        truth = (segment.verb_id, segment.noun_id)
        ranks.append(ranked.index(truth) + 1 if truth in ranked else 99)
    return np.array(ranks)


@pytest.mark.parametrize("specialist", [FIRST, SECOND], ids=["first", "second"])
@pytest.mark.parametrize("validation", [False, True], ids=["train", "validation"])
def test_recall_is_that_of_a_real_specialist_on_both_splits(validation: bool, specialist: Specialist) -> None:
    ranks = ranks_of_truth(CONFIG, segments_of(validation=validation), specialist)
    assert np.mean(ranks == 1) == pytest.approx(0.55, abs=0.05)
    assert np.mean(ranks <= 5) == pytest.approx(0.90, abs=0.03)
    assert np.mean(ranks <= 20) == pytest.approx(0.98, abs=0.015)


@pytest.mark.parametrize("top1", [0.0, 0.3, 1.0])
def test_top1_follows_the_config(top1: float) -> None:
    config = KitchenConfig(specialist_top1=top1)
    ranks = ranks_of_truth(config, segments_of(validation=True))
    assert np.mean(ranks == 1) == pytest.approx(top1, abs=0.05)


def test_early_mistakes_are_reversed_verbs_and_look_alikes() -> None:
    kinds: Counter[str] = Counter()
    for segment in segments_of(validation=True):
        truth = (segment.verb_id, segment.noun_id)
        reverse_id, alike_id = reverse_verb_id(segment.verb_id), look_alike_id(segment.noun_id)
        named = {
            (reverse_id, segment.noun_id): "reversed",
            (segment.verb_id, alike_id): "look-alike",
            (reverse_id, alike_id): "both",
        }
        wrong = next(action for action in rank_actions(CONFIG, segment) if action != truth)
        kinds[named.get(wrong, "other")] += 1
    assert [kind for kind, _ in kinds.most_common(2)] == ["reversed", "look-alike"]
    assert kinds["reversed"] + kinds["look-alike"] > 0.6 * kinds.total()
    assert kinds["both"] > 0 and kinds["other"] > 0


def test_predictions_are_20_distinct_known_actions() -> None:
    known = set(product(range(8), range(10)))
    for segment in segments_of(validation=True)[:200]:
        ranked = rank_actions(CONFIG, segment)
        assert len(ranked) == len(set(ranked)) == 20
        assert set(ranked) <= known


@pytest.mark.parametrize("num_known", [12, 40])
def test_only_known_actions_are_predicted(num_known: int) -> None:
    segment = segments_of(validation=True)[0]
    truth = (segment.verb_id, segment.noun_id)
    known = {truth, *[action for action in product(range(8), range(10)) if action != truth][: num_known - 1]}
    ranked = rank_actions(CONFIG, segment, known)
    assert set(ranked) <= known
    assert len(ranked) == len(set(ranked)) == min(20, num_known - 1)


def test_rank_of_a_mistake_varies() -> None:
    first = segments_of(validation=True)[0]
    reversed_action = (reverse_verb_id(first.verb_id), first.noun_id)
    ranks = {
        rank_actions(KitchenConfig(seed=seed), first).index(reversed_action)
        for seed in range(40)
        if reversed_action in rank_actions(KitchenConfig(seed=seed), first)
    }
    assert len(ranks) >= 4


def test_two_specialists_are_as_alike_as_real_ones() -> None:
    """AVION and TIM have the same first action in 65 % of the segments, and 45 % of the first five in common."""
    pairs = [
        (rank_actions(CONFIG, segment), rank_actions(CONFIG, segment, specialist=SECOND))
        for segment in segments_of(validation=True)
    ]

    assert np.mean([first[0] == second[0] for first, second in pairs]) == pytest.approx(0.62, abs=0.06)
    assert np.mean([len({*first[:5]} & {*second[:5]}) / 5 for first, second in pairs]) == pytest.approx(0.58, abs=0.08)


def test_the_second_specialist_errs_more_often_in_the_object() -> None:
    """The first one's mistakes are more often the same film backwards."""
    kinds: dict[str, Counter[str]] = {"first": Counter(), "second": Counter()}
    for name, specialist in (("first", FIRST), ("second", SECOND)):
        for segment in segments_of(validation=True):
            truth = (segment.verb_id, segment.noun_id)
            ranked = rank_actions(CONFIG, segment, specialist=specialist)
            verb_id, noun_id = next(action for action in ranked if action != truth)
            kinds[name]["verb"] += verb_id != segment.verb_id
            kinds[name]["noun"] += noun_id != segment.noun_id

    assert kinds["first"]["verb"] > kinds["first"]["noun"]
    assert kinds["second"]["noun"] > kinds["second"]["verb"]


@pytest.mark.parametrize("name", ["toy_specialist", "second_specialist"])
@pytest.mark.parametrize("split", ["train", "validation"])
def test_file_follows_the_rows_of_the_csv(split: str, name: str, tiny_kitchen: Path) -> None:
    path = tiny_kitchen / "specialists" / f"{name}_{split}.json"
    predictions = json.loads(path.read_text())
    with (tiny_kitchen / "annotations" / f"EPIC_100_{split}.csv").open(newline="") as file:
        targets = [f"{row['verb_class']}:{row['noun_class']}" for row in csv.DictReader(file)]
    assert list(predictions) == [str(row) for row in range(len(targets))]
    assert [entry["target"] for entry in predictions.values()] == targets
    # A small kitchen has fewer than 21 actions to choose from.
    lengths = {len(entry["predictions"]) for entry in predictions.values()}
    assert len(lengths) == 1 and 10 <= lengths.pop() <= 20
