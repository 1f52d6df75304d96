from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from llavaction.annotations.epic_kitchens import Split
from llavaction.sft.distractors import DistractorsConfig, StrategyName, make_strategy
from llavaction.sft.distractors.random import RandomDistractors
from llavaction.sft.distractors.specialist import SpecialistDistractors
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.seeding import rng_for
from tests.sft.worlds import ONE_TEXT_EACH, make_annotations, same_ranking

ANNOTATIONS = make_annotations(ONE_TEXT_EACH, ONE_TEXT_EACH[:2])
SEGMENT = ANNOTATIONS.train.segments[4]
TRUTH = ANNOTATIONS.vocabulary.action_id(SEGMENT.verb_id, SEGMENT.noun_id)


def test_random_gives_every_other_action_once() -> None:
    candidates = list(RandomDistractors(ANNOTATIONS.vocabulary).candidates(SEGMENT, rng_for(0)))
    assert sorted(candidates) == [action_id for action_id in range(12) if action_id != TRUTH]


def test_random_is_uniform() -> None:
    strategy = RandomDistractors(ANNOTATIONS.vocabulary)
    first = Counter(next(strategy.candidates(SEGMENT, rng_for(0, item))) for item in range(2200))
    statistic = sum((first[action_id] - 200) ** 2 / 200 for action_id in range(12) if action_id != TRUTH)
    assert statistic < 23.21  # chi-square, 10 degrees of freedom, p = 0.01


@pytest.mark.parametrize(
    ("ranking", "expected"),
    [([TRUTH, 3, 9, 0], [3, 9, 0]), ([3, 9, TRUTH, 0], [3, 9, 0]), ([11, 2, 1, 10], [11, 2, 1, 10])],
)
def test_specialist_keeps_its_ranking_without_the_truth(ranking: list[int], expected: list[int]) -> None:
    strategy = same_ranking(ANNOTATIONS, ranking)
    assert list(strategy.candidates(SEGMENT, rng_for(0))) == expected


def write_predictions(path: Path, split: Split, predictions: list[str]) -> str:
    rows = enumerate(ANNOTATIONS.split(split))
    path.write_text(json.dumps({row: {"predictions": predictions, "target": s.action_key} for row, s in rows}))
    return str(path)


def test_each_split_reads_its_own_file(tmp_path: Path) -> None:
    config = DistractorsConfig(
        StrategyName.SPECIALIST,
        train_file=write_predictions(tmp_path / "train.json", Split.TRAIN, ["2:3", "2:2"]),
        validation_file=write_predictions(tmp_path / "validation.json", Split.VALIDATION, ["2:1", "2:0"]),
    )
    key = ANNOTATIONS.vocabulary.action_id_of_key
    for split, expected in ((Split.TRAIN, ["2:3", "2:2"]), (Split.VALIDATION, ["2:1", "2:0"])):
        strategy = make_strategy(config, ANNOTATIONS, split)
        segment = ANNOTATIONS.split(split).segments[0]
        assert isinstance(strategy, SpecialistDistractors)
        assert list(strategy.candidates(segment, rng_for(0))) == [key(name) for name in expected]
        path = tmp_path / f"{split}.json"
        assert strategy.hashes == {str(path): file_sha256(path)}


@pytest.mark.parametrize("split", list(Split))
def test_a_file_that_is_not_set_is_an_error_with_the_key_to_set(split: Split) -> None:
    config = DistractorsConfig(StrategyName.SPECIALIST)
    with pytest.raises(ConfigError, match=rf"set distractors\.{split}_file=FILE"):
        make_strategy(config, ANNOTATIONS, split)


def test_predictions_of_the_other_split_are_refused(tmp_path: Path) -> None:
    name = write_predictions(tmp_path / "train.json", Split.TRAIN, ["2:3"])
    config = DistractorsConfig(StrategyName.SPECIALIST, validation_file=name)
    with pytest.raises(DataError, match=r"train\.json: expected the keys '0' to '1'"):
        make_strategy(config, ANNOTATIONS, Split.VALIDATION)


def test_random_reads_no_file() -> None:
    strategy = make_strategy(DistractorsConfig(), ANNOTATIONS, Split.TRAIN)
    assert isinstance(strategy, RandomDistractors)
    assert strategy.hashes == {}
