"""How each strategy ranks, and which files it reads."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from llavaction.annotations.epic_kitchens import Split
from llavaction.sft.distractors import DistractorsConfig, PredictionFiles, Sources, StrategyName, make_sources
from llavaction.sft.distractors.mixed import MixedDistractors
from llavaction.sft.distractors.random import RandomDistractors
from llavaction.sft.distractors.text_neighbours import TextNeighbourDistractors
from llavaction.text.encoders.base import Embeddings
from llavaction.text.encoders.hashing import HashingEncoder
from llavaction.utils.draws import draws_for
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.hashing import file_sha256
from tests.sft.worlds import ONE_TEXT_EACH, make_annotations, make_predicted, make_strategy, same_ranking

ANNOTATIONS = make_annotations(ONE_TEXT_EACH, ONE_TEXT_EACH[:2])
VOCABULARY = ANNOTATIONS.vocabulary
SEGMENT = ANNOTATIONS.train.segments[5]  # put cup: class 5 of verb 1 (4 to 7) and noun 1 (1, 5, 9)


def ranked(name: StrategyName, seed: int = 0) -> list[int]:
    return list(make_strategy(name, ANNOTATIONS).candidates(SEGMENT, draws_for(seed)))


@pytest.mark.parametrize("name", list(StrategyName))
def test_no_action_stands_twice(name: StrategyName) -> None:
    assert len(ranked(name)) == len(set(ranked(name)))


def test_each_strategy_ranks_what_it_says() -> None:
    everything = set(range(12))
    assert set(ranked(StrategyName.RANDOM)) == everything
    assert set(ranked(StrategyName.SAME_VERB)) == {4, 5, 6, 7}
    assert set(ranked(StrategyName.SAME_NOUN)) == {1, 5, 9}
    assert set(ranked(StrategyName.TEXT_NEIGHBOURS)) == everything - {5}
    assert set(ranked(StrategyName.MIXED)) == everything


def test_text_neighbours_begin_with_what_shares_words() -> None:
    assert set(ranked(StrategyName.TEXT_NEIGHBOURS)[:5]) == {1, 9, 4, 6, 7}


@pytest.mark.parametrize("name", [StrategyName.RANDOM, StrategyName.SAME_VERB, StrategyName.SAME_NOUN])
def test_what_has_no_ranking_comes_in_random_order(name: StrategyName) -> None:
    first = Counter(ranked(name, seed)[0] for seed in range(1200))
    expected = 1200 / len(ranked(name))
    statistic = sum((count - expected) ** 2 / expected for count in first.values())
    # Chi-square, 11, 3 and 2 degrees of freedom, p = 0.01.
    assert statistic < {12: 24.72, 4: 11.34, 3: 9.21}[len(first)]


def test_predictions_keep_their_ranking() -> None:
    strategy = same_ranking(ANNOTATIONS, [3, 5, 9, 0])
    assert list(strategy.candidates(SEGMENT, draws_for(0))) == [3, 5, 9, 0]


def test_neighbours_are_ranked_before_any_worker_starts() -> None:
    class Once(HashingEncoder):
        calls = 0

        def encode(self, texts: Any) -> Embeddings:
            self.calls += 1
            return super().encode(texts)

    encoder = Once()
    strategy = TextNeighbourDistractors(VOCABULARY, encoder)
    assert encoder.calls == 1
    assert len(list(strategy.candidates(SEGMENT, draws_for(0)))) == 11
    assert encoder.calls == 1


def make_mixed(weights: dict[str, float]) -> MixedDistractors:
    parts = {StrategyName(name): make_strategy(StrategyName(name), ANNOTATIONS) for name in weights}
    return MixedDistractors(parts, weights)


def test_mixed_draws_by_weight() -> None:
    specialist, self_mined = (
        make_predicted(name, ANNOTATIONS).candidates for name in (StrategyName.SPECIALIST, StrategyName.SELF_MINED)
    )
    best = [next(candidates(SEGMENT, draws_for(0))) for candidates in (specialist, self_mined)]
    assert best[0] != best[1]
    mixed = make_mixed({"specialist": 3.0, "self_mined": 1.0})
    first = Counter(next(mixed.candidates(SEGMENT, draws_for(item))) for item in range(1000))
    assert set(first) == set(best)
    assert 700 < first[best[0]] < 800  # 750 expected, standard deviation 14


def test_mixed_goes_on_with_the_others_when_one_is_exhausted() -> None:
    mixed = list(make_mixed({"same_noun": 100.0, "specialist": 1.0}).candidates(SEGMENT, draws_for(0)))
    assert set(mixed) == set(range(12))
    assert set(mixed[:3]) == {1, 5, 9}


def test_mixed_does_not_depend_on_the_order_in_the_yaml_file() -> None:
    weights = {"same_verb": 1.0, "random": 2.0, "same_noun": 1.0}
    backwards = dict(reversed(weights.items()))
    first, second = (list(make_mixed(each).candidates(SEGMENT, draws_for(7))) for each in (weights, backwards))
    assert first == second


def write_predictions(path: Path, split: Split, predictions: list[str]) -> str:
    rows = enumerate(ANNOTATIONS.split(split))
    path.write_text(json.dumps({row: {"predictions": predictions, "target": s.action_key} for row, s in rows}))
    return str(path)


def sources_of(config: DistractorsConfig, split: Split) -> Sources:
    return make_sources(config, ANNOTATIONS, split, HashingEncoder())


@pytest.mark.parametrize("name", [StrategyName.SPECIALIST, StrategyName.SELF_MINED])
def test_each_split_reads_its_own_file(tmp_path: Path, name: StrategyName) -> None:
    files = PredictionFiles(
        train_file=write_predictions(tmp_path / "train.json", Split.TRAIN, ["2:3", "2:2"]),
        validation_file=write_predictions(tmp_path / "validation.json", Split.VALIDATION, ["2:1", "2:0"]),
    )
    config = DistractorsConfig(files.train_file, files.validation_file, strategy=name)
    if name is StrategyName.SELF_MINED:
        config = DistractorsConfig(strategy=name, self_mined=files)
    for split, expected in ((Split.TRAIN, ["2:3", "2:2"]), (Split.VALIDATION, ["2:1", "2:0"])):
        sources = sources_of(config, split)
        assert [strategy.name for strategy in sources.strategies] == [name, "same_noun", "random"]
        segment = ANNOTATIONS.split(split).segments[0]
        action_ids = list(sources.strategies[0].candidates(segment, draws_for(0)))
        assert action_ids == [VOCABULARY.action_id_of_key(key) for key in expected]
        path = tmp_path / f"{split}.json"
        assert sources.hashes == {str(path): file_sha256(path)}


@pytest.mark.parametrize("split", list(Split))
@pytest.mark.parametrize(
    ("config", "key"),
    [
        (DistractorsConfig(strategy=StrategyName.SPECIALIST), "distractors"),
        (DistractorsConfig(strategy=StrategyName.SELF_MINED), "distractors.self_mined"),
        (DistractorsConfig(fallback=[StrategyName.SPECIALIST]), "distractors"),
        (DistractorsConfig(strategy=StrategyName.MIXED, weights={"self_mined": 1.0}), "distractors.self_mined"),
    ],
)
def test_a_file_that_is_not_set_is_an_error_with_the_key_to_set(
    config: DistractorsConfig, key: str, split: Split
) -> None:
    with pytest.raises(ConfigError) as failure:
        sources_of(config, split)
    assert f"set {key}.{split}_file=FILE" in str(failure.value)


def test_predictions_of_the_other_split_are_refused(tmp_path: Path) -> None:
    name = write_predictions(tmp_path / "train.json", Split.TRAIN, ["2:3"])
    config = DistractorsConfig(strategy=StrategyName.SPECIALIST, validation_file=name)
    with pytest.raises(DataError, match=r"train\.json: expected the keys '0' to '1'"):
        sources_of(config, Split.VALIDATION)


def test_training_predictions_that_are_too_good_are_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "train.json"
    rows = {row: {"predictions": [s.action_key], "target": s.action_key} for row, s in enumerate(ANNOTATIONS.train)}
    path.write_text(json.dumps(rows))
    with caplog.at_level(logging.WARNING, logger="llavaction"):
        sources_of(DistractorsConfig(str(path), strategy=StrategyName.SPECIALIST), Split.TRAIN)
    assert "100.0% of the first actions are right" in caplog.text


def test_the_strategy_is_followed_by_its_fallbacks_without_repeats() -> None:
    sources = sources_of(DistractorsConfig(), Split.TRAIN)
    assert [strategy.name for strategy in sources.strategies] == ["random", "same_noun"]
    assert isinstance(sources.strategies[0], RandomDistractors)
    assert sources.hashes == {}
    mixed = DistractorsConfig(
        strategy=StrategyName.MIXED, weights={"same_verb": 1.0, "random": 2.0}, fallback=[StrategyName.RANDOM]
    )
    assert [strategy.name for strategy in sources_of(mixed, Split.TRAIN).strategies] == ["mixed", "random"]
    none = DistractorsConfig(strategy=StrategyName.SAME_VERB, fallback=[])
    assert [strategy.name for strategy in sources_of(none, Split.TRAIN).strategies] == ["same_verb"]


MIXED = StrategyName.MIXED


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"strategy": MIXED}, "which needs them"),
        ({"weights": {"random": 1.0}}, "are for distractors=mixed"),
        ({"strategy": MIXED, "weights": {"ramdom": 1.0}}, r"weights: ramdom: 1\.0: expected one of random,"),
        ({"strategy": MIXED, "weights": {"mixed": 1.0}}, "weights: mixed"),
        ({"strategy": MIXED, "weights": {"random": 0.0}}, "a number above 0"),
        ({"strategy": MIXED, "weights": {"random": float("inf")}}, "a number above 0"),
        ({"strategy": MIXED, "weights": {"random": float("nan")}}, "a number above 0"),
        ({"fallback": [StrategyName.RANDOM, StrategyName.RANDOM]}, r"fallback = \['random', 'random'\]"),
        ({"fallback": [MIXED]}, "nor mixed"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        DistractorsConfig(**options)
