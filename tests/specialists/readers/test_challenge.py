"""Submissions to the EK100 challenge."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.vocabulary import ClassName, Vocabulary
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.readers import read_predictions
from llavaction.utils.errors import DataError
from llavaction.utils.seeding import rng_for
from tests.properties import reproducible
from tests.specialists.files import challenge_content, write_json
from tests.specialists.test_predictions import VOCABULARY, table_of

TABLE = table_of(a="0:1", b="1:3")
Scores = dict[str, float]


def scores_of(values: list[float]) -> Scores:
    return {str(class_id): value for class_id, value in enumerate(values)}


def read(tmp_path: Path, content: object) -> TopKPredictions:
    return read_predictions(write_json(tmp_path / "test.json", content), TABLE, VOCABULARY)


def softmax(scores: Scores) -> dict[str, float]:
    total = sum(math.exp(score) for score in scores.values())
    return {key: math.exp(score) / total for key, score in scores.items()}


@reproducible
@given(
    verbs=st.permutations(range(12)),
    nouns=st.permutations(range(12)),
    more=st.permutations(range(12)),
    scale=st.just(0.25),
)
def test_actions_are_ranked_by_the_product_of_probabilities(
    tmp_path_factory: pytest.TempPathFactory, verbs: list[int], nouns: list[int], more: list[int], scale: float
) -> None:
    # Sums of a verb and a noun are all different, so that rounding decides nothing.
    segments = {
        "b": {"verb": scores_of([scale * v for v in verbs]), "noun": scores_of([scale * 12.5 * n for n in nouns])},
        "a": {"verb": scores_of([scale * v for v in more]), "noun": scores_of([scale * 12.5 * n for n in verbs])},
    }

    found = read(tmp_path_factory.mktemp("challenge"), challenge_content(segments))

    for segment_id, entry in segments.items():
        verb, noun = softmax(entry["verb"]), softmax(entry["noun"])
        keys = sorted(VOCABULARY.action_keys, key=lambda key: -verb[key.split(":")[0]] * noun[key.split(":")[1]])
        assert [VOCABULARY.action_keys[action_id] for action_id in found.ranked(segment_id)] == keys


def test_scores_fall_and_differ_by_the_ratio_of_probabilities(tmp_path: Path) -> None:
    rng = rng_for(0, "challenge")
    entries = {
        name: {part: scores_of(rng.normal(size=12).tolist()) for part in ("verb", "noun")} for name in ("a", "b")
    }

    found = read(tmp_path, challenge_content(entries))

    verb, noun = softmax(entries["a"]["verb"]), softmax(entries["a"]["noun"])
    first, second = [VOCABULARY.verb_noun(action_id) for action_id in found.ranked("a")[:2]]
    ratio = verb[str(first[0])] * noun[str(first[1])] / (verb[str(second[0])] * noun[str(second[1])])
    assert found.scores[0, 0] - found.scores[0, 1] == pytest.approx(math.log(ratio), abs=1e-5)
    assert (np.diff(found.scores, axis=1) <= 0).all()


def entry(best_verb: int = 0, best_noun: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "verb": scores_of([float(number == best_verb) for number in range(12)]),
        "noun": scores_of([float(number == best_noun) for number in range(12)]),
        **more,
    }


def test_pairs_that_no_annotation_has_are_counted(tmp_path: Path) -> None:
    assert read(tmp_path, challenge_content({"a": entry(), "b": entry()})).source.endswith("test.json")
    source = read(tmp_path, challenge_content({"a": entry(), "b": entry(5, 5)})).source
    assert source.endswith("test.json (the first verb and noun of 1 of 2 segments are no annotated action)")


def test_only_the_hundred_best_nouns_are_paired(tmp_path: Path) -> None:
    nouns = tuple(ClassName(number, f"n{number}", (), "") for number in range(150))
    verbs = nouns[:2]
    # The first verb has all nouns, the second the last fifty, so that segments have different numbers of candidates.
    keys = [f"0:{n}" for n in range(150)] + [f"1:{n}" for n in range(100, 150)]
    vocabulary = Vocabulary(verbs, nouns, tuple(sorted(keys)))
    rising, falling = scores_of([n / 10 for n in range(150)]), scores_of([-n / 10 for n in range(150)])
    results = {"a": {"verb": scores_of([0, 1]), "noun": rising}, "b": {"verb": scores_of([0, 1]), "noun": falling}}

    path = write_json(tmp_path / "test.json", challenge_content(results))
    found = read_predictions(path, table_of(a="0:1", b="0:3"), vocabulary)

    def best(segment_id: str) -> list[str]:
        return [vocabulary.action_keys[action_id] for action_id in found.ranked(segment_id)]

    assert found.top_k == 100
    assert best("a")[:3] == ["1:149", "1:148", "1:147"]
    # Nouns 0 to 99 are the best; the second verb goes with none of these.
    assert best("b") == [f"0:{n}" for n in range(100)]


def test_as_many_actions_are_kept_as_every_segment_has(tmp_path: Path) -> None:
    classes = tuple(ClassName(number, f"n{number}", (), "") for number in range(130))
    # Of nouns 0 to 99, which are the best of segment b, only two belong to actions.
    vocabulary = Vocabulary(classes[:1], classes, tuple(sorted(["0:0", "0:7", *(f"0:{n}" for n in range(100, 130))])))
    noun = [scores_of([float(n) for n in range(130)]), scores_of([float(-n) for n in range(130)])]
    results = {name: {"verb": {"0": 1}, "noun": scores} for name, scores in zip("ab", noun, strict=True)}
    table = table_of(a="0:0", b="0:7")

    found = read_predictions(write_json(tmp_path / "test.json", challenge_content(results)), table, vocabulary)

    assert found.top_k == 2
    assert [vocabulary.action_keys[action_id] for action_id in found.ranked("b")] == ["0:0", "0:7"]
    without = Vocabulary(classes[:1], classes, tuple(sorted(f"0:{n}" for n in range(100, 130))))
    with pytest.raises(DataError, match=r"test\.json.*: segment 'b' ranks no action"):
        read_predictions(tmp_path / "test.json", table, without)


def test_scores_of_actions_go_before_those_of_verbs_and_nouns(tmp_path: Path) -> None:
    actions = {"a": {"2,0": 3, "0,1": 5.5, "9,9": 7}, "b": {"1,3": 0.5, "0,0": 0.5, "2,0": 0.1}}
    results = {name: entry(action=scores) for name, scores in actions.items()}

    found = read(tmp_path, challenge_content(results))

    # Two, as the first segment names a pair that does not exist.
    assert found.action_ids.tolist() == [[1, 4], [0, 3]]
    np.testing.assert_allclose(found.scores, [[5.5, 3], [0.5, 0.5]])
    assert found.source.endswith("test.json (1 of 6 scores are for no annotated action)")


def changed(**parts: Any) -> dict[str, Any]:
    return challenge_content({"a": entry(), "b": {**entry(), **parts}})


GOOD = challenge_content({"a": entry(), "b": entry()})
DEFECTS: list[tuple[object, str]] = [
    ({**GOOD, "version": "0.1"}, "'version' is '0.1', expected '0.2'"),
    ({**GOOD, "challenge": "action_anticipation"}, "'challenge' is 'action_anticipation', expected 'action_recogn"),
    ({**GOOD, "results": []}, "no segments in 'results'"),
    ({"challenge": "action_recognition"}, "no segments in 'results'"),
    (challenge_content({"a": entry(), "b": 3}), "segment 'b' holds no object with 'verb' and 'noun'"),
    (changed(verb={"0": 1.0}), "segment 'b' has 1 scores of verbs, expected one for each class from '0' to '11'"),
    (changed(noun=None), "segment 'b' has no scores of nouns"),
    (changed(noun=scores_of([0.0] * 13)), "segment 'b' has 13 scores of nouns"),
    (changed(noun=scores_of(["1.0"] * 12)), "scores of nouns must be numbers"),  # type: ignore[list-item]
    (changed(verb=scores_of([float("nan")] * 12)), "segment 'b' has a score that is NaN or infinite"),
    (changed(action={"0,1": 1}), "1 of 2 segments have 'action'; either all must have it or none"),
    (challenge_content({"a": entry(action={"0,1": 1}), "b": entry(action={"9,9": 1})}), "segment 'b' ranks no action"),
    (challenge_content({"a": entry(action=[1]), "b": entry(action={})}), "segment 'a': 'action' must hold a finite"),
    (challenge_content({"a": entry(action={"0,1": "x"}), "b": entry(action={})}), "segment 'a': 'action' must hold"),
    (challenge_content({"a": entry(), "c": entry()}), r"1 of the 2 segments of validation\.csv have no prediction"),
]


@pytest.mark.parametrize(("content", "problem"), DEFECTS)
def test_defects(tmp_path: Path, content: object, problem: str) -> None:
    with pytest.raises(DataError, match=rf"test\.json: {problem}"):
        read(tmp_path, content)
