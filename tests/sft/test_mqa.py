"""Questions with choices: their fields, and which of the ranked actions become distractors."""

from __future__ import annotations

from collections import Counter

import pytest

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.sft.builders.mqa import MqaBuilder
from llavaction.sft.distractors import StrategyName
from llavaction.sft.samples import ActionLabel, ClipRef, Role, Sample, View
from llavaction.sft.tally import Tally
from tests.sft.worlds import ONE_TEXT_EACH, make_annotations, make_builder, make_predicted, same_ranking

# 36 segments, three of each class; no two classes share a text, no two segments time.
PLAIN = make_annotations(ONE_TEXT_EACH * 3, ONE_TEXT_EACH * 3)


def build(builder: MqaBuilder, annotations: Annotations, split: Split, segment_id: str) -> Sample:
    return builder.build(annotations.split(split).get(segment_id), split, Tally())


def wrong_ids(sample: Sample) -> list[int]:
    return [option.action_id for at, option in enumerate(sample.options) if at != sample.answer_idx]


def test_the_fields_of_a_sample() -> None:
    annotations = make_annotations(ONE_TEXT_EACH, [("wash knife", 2, 2)])
    specialist = make_predicted(StrategyName.SPECIALIST, annotations)
    sample = build(make_builder(annotations, specialist), annotations, Split.VALIDATION, "V0")
    assert sample.sample_id == "mqa/specialist/V0"
    assert (sample.view, sample.segment_id) == (View.MQA, "V0")
    assert sample.clip == ClipRef("P02_01", 1.0, 3.5)
    assert sample.action == ActionLabel(2, 2, annotations.vocabulary.action_id_of_key("2:2"))
    assert [turn.role for turn in sample.turns] == [Role.USER, Role.ASSISTANT]
    assert (sample.prior, sample.target, sample.media) == ((), None, ())
    assert [option.source for option in sample.options if option.action_id != sample.action.action_id] == [
        "specialist"
    ] * 3


def test_the_strategy_is_part_of_the_sample_id_and_of_the_draws_but_not_of_the_letter() -> None:
    names = (StrategyName.SPECIALIST, StrategyName.SELF_MINED)
    ids, letters, questions = [], [], []
    for name in names:
        ranked = same_ranking(PLAIN, range(12))
        ranked.name = name
        builder = make_builder(PLAIN, ranked)
        samples = [builder.build(segment, Split.TRAIN, Tally()) for segment in PLAIN.train]
        ids.append(samples[0].sample_id)
        letters.append([sample.answer_idx for sample in samples])
        questions.append([sample.question for sample in samples])
    assert ids == ["mqa/specialist/T0", "mqa/self_mined/T0"]
    assert letters[0] == letters[1]
    assert questions[0] != questions[1]


def test_another_seed_makes_other_questions() -> None:
    questions = [
        [make_builder(PLAIN, seed=seed).build(segment, Split.TRAIN, Tally()).question for segment in PLAIN.train]
        for seed in (0, 1)
    ]
    equal = sum(first == second for first, second in zip(*questions, strict=True))
    assert equal < len(PLAIN.train) / 4


def test_segments_of_one_class_get_different_questions() -> None:
    annotations = make_annotations([*ONE_TEXT_EACH, *[("take plate", 0, 0)] * 20], [])
    builder = make_builder(annotations)
    questions = {builder.build(s, Split.TRAIN, Tally()).question for s in annotations.train.segments[-20:]}
    assert len(questions) > 15


def test_evaluation_takes_exactly_the_specialists_first() -> None:
    specialist = make_predicted(StrategyName.SPECIALIST, PLAIN)
    builder = make_builder(PLAIN, specialist, num_options=5)
    for segment in PLAIN.validation:
        sample = builder.build(segment, Split.VALIDATION, Tally())
        assert sample.action is not None
        ranked = specialist._predictions.ranked(segment.segment_id)
        without_truth = [action_id for action_id in ranked if action_id != sample.action.action_id]
        assert set(wrong_ids(sample)) == set(without_truth[:4])


def test_training_draws_from_all_of_the_top_2k_and_nothing_else() -> None:
    ranking = [7, 2, 9, 0, 11, 4, 5, 1, 3, 6, 8, 10]
    builder = make_builder(PLAIN, same_ranking(PLAIN, ranking), num_options=4)
    drawn: Counter[int] = Counter()
    for segment in PLAIN.train:
        sample = builder.build(segment, Split.TRAIN, Tally())
        assert sample.action is not None
        allowed = [action_id for action_id in ranking if action_id != sample.action.action_id][:8]
        assert set(wrong_ids(sample)) <= set(allowed)
        drawn.update(allowed.index(action_id) for action_id in wrong_ids(sample))
    # 36 questions with 3 of 8 ranks each: 13.5 times each rank.
    assert set(drawn) == set(range(8))
    assert max(drawn.values()) < 3 * min(drawn.values())


def test_training_goes_beyond_the_top_2k_when_texts_collide() -> None:
    # With 2 options the pool has 4 classes, all of which are known by the answer's text only.
    same = [("take plate", verb_id, noun_id) for verb_id, noun_id in [(1, 0), (1, 1), (1, 2), (1, 3)]]
    annotations = make_annotations([("take plate", 0, 0), *same, ("wash cup", 2, 1)], [])
    builder = make_builder(annotations, same_ranking(annotations, range(6)), num_options=2)
    sample = build(builder, annotations, Split.TRAIN, "T0")
    assert {option.text for option in sample.options} == {"take plate", "wash cup"}


@pytest.fixture(scope="module")
def alike() -> list[Sample]:
    """600 questions about segments of one class with one ranking: 5, 6, 7."""
    annotations = make_annotations(ONE_TEXT_EACH, [("take plate", 0, 0)] * 600)
    builder = make_builder(annotations, same_ranking(annotations, [5, 6, 7, 8]), num_options=4)
    return [builder.build(segment, Split.VALIDATION, Tally()) for segment in annotations.validation]


def test_answers_are_spread_over_the_letters(alike: list[Sample]) -> None:
    counts = Counter(sample.answer_idx for sample in alike)
    statistic = sum((counts[letter] - 150) ** 2 / 150 for letter in range(4))
    assert statistic < 11.34  # chi-square, 3 degrees of freedom, p = 0.01


def test_the_order_of_options_does_not_tell_the_specialists_ranking(alike: list[Sample]) -> None:
    places = Counter(wrong_ids(sample).index(5) for sample in alike)
    statistic = sum((places[place] - 200) ** 2 / 200 for place in range(3))
    assert statistic < 9.21  # chi-square, 2 degrees of freedom, p = 0.01
