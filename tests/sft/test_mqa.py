from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.annotations.segments import Segment
from llavaction.sft.samples import Role, Sample, View
from llavaction.text.matching import normalise
from llavaction.utils.errors import DataError
from tests.properties import reproducible
from tests.sft.worlds import (
    ONE_TEXT_EACH,
    all_segments,
    in_other_order,
    make_annotations,
    make_builder,
    make_specialist,
    same_ranking,
    worlds,
)

STEM = "Which is it?"


def check_question(sample: Sample, segment: Segment, num_options: int) -> None:
    """What must hold for every question."""
    assert sample.answer_idx is not None and sample.action is not None
    texts = [normalise(option.text) for option in sample.options]
    assert len(texts) == len(set(texts)) == num_options
    answer = sample.options[sample.answer_idx]
    assert answer.text == segment.narration
    assert texts.count(normalise(segment.narration)) == 1
    assert answer.action_id == sample.action.action_id
    others = [option.action_id for option in sample.options if option is not answer]
    assert len(set(others)) == num_options - 1
    assert sample.action.action_id not in others
    # The question is the stem and the lines of the options: nothing else can tell the answer.
    lines = [f"{letter}. {option.text}" for letter, option in zip("ABCDEFGHIJ", sample.options)]
    assert sample.question == "\n".join([STEM, *lines])
    assert [option.answer for option in sample.options] == lines
    assert sample.answer == lines[sample.answer_idx]


@reproducible
@given(worlds, st.integers(2, 5), st.booleans(), st.integers(0, 5))
def test_every_question_is_sound(annotations: Annotations, num_options: int, hard: bool, seed: int) -> None:
    strategy = make_specialist(annotations) if hard else None
    builder = make_builder(annotations, strategy, num_options, seed)
    written = {
        (s.narration, annotations.vocabulary.action_id(s.verb_id, s.noun_id)) for s, _ in all_segments(annotations)
    }
    for segment, split in all_segments(annotations):
        sample = builder.build(segment, split)
        check_question(sample, segment, num_options)
        assert {(option.text, option.action_id) for option in sample.options} <= written


def rows_of(annotations: Annotations, hard: bool) -> dict[str, object]:
    builder = make_builder(annotations, make_specialist(annotations) if hard else None)
    return {segment.segment_id: builder.build(segment, split).to_row() for segment, split in all_segments(annotations)}


@reproducible
@given(worlds, st.booleans(), st.integers(0, 3))
def test_the_row_order_of_the_tables_does_not_matter(annotations: Annotations, hard: bool, seed: int) -> None:
    assert rows_of(in_other_order(annotations, seed), hard) == rows_of(annotations, hard)


@reproducible
@given(worlds, st.booleans())
def test_what_was_built_before_does_not_matter(annotations: Annotations, hard: bool) -> None:
    whole = rows_of(annotations, hard)
    builder = make_builder(annotations, make_specialist(annotations) if hard else None)
    some = list(all_segments(annotations))[::-3]
    assert [builder.build(segment, split).to_row() for segment, split in some] == [
        whole[segment.segment_id] for segment, _ in some
    ]


def test_the_fields_of_a_sample() -> None:
    annotations = make_annotations(ONE_TEXT_EACH, [("wash knife", 2, 2)])
    segment = annotations.validation.get("V0")
    sample = make_builder(annotations, make_specialist(annotations)).build(segment, Split.VALIDATION)
    assert sample.sample_id == "mqa/specialist/V0"
    assert (sample.view, sample.segment_id) == (View.MQA, "V0")
    assert (sample.clip.video_id, sample.clip.start_s, sample.clip.stop_s) == ("P01_01", 1.0, 3.5)
    assert sample.action is not None
    assert (sample.action.verb_id, sample.action.noun_id) == (2, 2)
    assert annotations.vocabulary.action_keys[sample.action.action_id] == "2:2"
    assert [turn.role for turn in sample.turns] == [Role.USER, Role.ASSISTANT]


def test_the_strategy_is_part_of_the_sample_id() -> None:
    annotations = make_annotations(ONE_TEXT_EACH, [("wash knife", 2, 2)])
    sample = make_builder(annotations).build(annotations.validation.get("V0"), Split.VALIDATION)
    assert sample.sample_id == "mqa/random/V0"


def test_another_seed_makes_other_questions() -> None:
    annotations = make_annotations(ONE_TEXT_EACH * 3, [])
    questions = [
        [make_builder(annotations, seed=seed).build(segment, Split.TRAIN).question for segment in annotations.train]
        for seed in (0, 1)
    ]
    equal = sum(first == second for first, second in zip(*questions, strict=True))
    assert equal < len(annotations.train) / 4


def test_segments_of_one_class_get_different_questions() -> None:
    annotations = make_annotations([*ONE_TEXT_EACH, *[("take plate", 0, 0)] * 20], [])
    builder = make_builder(annotations)
    questions = {builder.build(segment, Split.TRAIN).question for segment in annotations.train.segments[-20:]}
    assert len(questions) > 15


def wrong_ids(sample: Sample) -> list[int]:
    return [option.action_id for at, option in enumerate(sample.options) if at != sample.answer_idx]


# 36 segments, three of each class; no two classes share a text.
PLAIN = make_annotations(ONE_TEXT_EACH * 3, ONE_TEXT_EACH * 3)


def test_evaluation_takes_exactly_the_specialists_first() -> None:
    specialist = make_specialist(PLAIN)
    builder = make_builder(PLAIN, specialist, num_options=5)
    for segment in PLAIN.validation:
        sample = builder.build(segment, Split.VALIDATION)
        assert sample.action is not None
        ranked = specialist._predictions.ranked(segment.segment_id)
        without_truth = [action_id for action_id in ranked if action_id != sample.action.action_id]
        assert set(wrong_ids(sample)) == set(without_truth[:4])


def test_training_draws_from_all_of_the_top_2k_and_nothing_else() -> None:
    ranking = [7, 2, 9, 0, 11, 4, 5, 1, 3, 6, 8, 10]
    builder = make_builder(PLAIN, same_ranking(PLAIN, ranking), num_options=4)
    drawn: Counter[int] = Counter()
    for segment in PLAIN.train:
        sample = builder.build(segment, Split.TRAIN)
        assert sample.action is not None
        allowed = [action_id for action_id in ranking if action_id != sample.action.action_id][:8]
        assert set(wrong_ids(sample)) <= set(allowed)
        drawn.update(allowed.index(action_id) for action_id in wrong_ids(sample))
    # 36 questions with 3 of 8 ranks each: 13.5 times each rank.
    assert set(drawn) == set(range(8))
    assert max(drawn.values()) < 3 * min(drawn.values())


@pytest.fixture(scope="module")
def alike() -> list[Sample]:
    """600 questions about segments of one class with one ranking: 5, 6, 7."""
    annotations = make_annotations(ONE_TEXT_EACH, [("take plate", 0, 0)] * 600)
    builder = make_builder(annotations, same_ranking(annotations, [5, 6, 7, 8]), num_options=4)
    return [builder.build(segment, Split.VALIDATION) for segment in annotations.validation]


def test_answers_are_spread_over_the_letters(alike: list[Sample]) -> None:
    counts = Counter(sample.answer_idx for sample in alike)
    statistic = sum((counts[letter] - 150) ** 2 / 150 for letter in range(4))
    assert statistic < 11.34  # chi-square, 3 degrees of freedom, p = 0.01


def test_the_order_of_options_does_not_tell_the_specialists_ranking(alike: list[Sample]) -> None:
    places = Counter(wrong_ids(sample).index(5) for sample in alike)
    statistic = sum((places[place] - 200) ** 2 / 200 for place in range(3))
    assert statistic < 9.21  # chi-square, 2 degrees of freedom, p = 0.01


def test_a_class_without_a_text_of_its_own_is_passed_over() -> None:
    # Action 1:1 is known by the answer's text only, 1:2 by another option's.
    train = [("wash plate", 2, 0), ("Take plate.", 1, 1), ("Put cup", 1, 2), ("put cup", 2, 1), ("open tap", 2, 3)]
    annotations = make_annotations(train, [("take plate", 0, 0)])
    key = annotations.vocabulary.action_id_of_key
    ranking = [key("1:1"), key("2:1"), key("1:2"), key("2:0"), key("2:3")]
    builder = make_builder(annotations, same_ranking(annotations, ranking), num_options=3)
    sample = builder.build(annotations.validation.get("V0"), Split.VALIDATION)
    assert set(wrong_ids(sample)) == {key("2:1"), key("2:0")}


def test_a_class_with_another_text_is_kept() -> None:
    train = [("Take plate.", 1, 1)] * 9 + [("grab plate", 1, 1), ("wash plate", 2, 0)]
    annotations = make_annotations(train, [("take plate", 0, 0)])
    key = annotations.vocabulary.action_id_of_key
    builder = make_builder(annotations, same_ranking(annotations, [key("1:1"), key("2:0")]), num_options=2)
    sample = builder.build(annotations.validation.get("V0"), Split.VALIDATION)
    assert {option.text for option in sample.options} == {"take plate", "grab plate"}
    assert wrong_ids(sample) == [key("1:1")]


def test_training_goes_beyond_the_top_2k_when_texts_collide() -> None:
    # With 2 options the pool has 4 classes, all of which are known by the answer's text only.
    train = [("take plate", verb_id, noun_id) for verb_id, noun_id in [(1, 0), (1, 1), (1, 2), (1, 3)]]
    annotations = make_annotations([("take plate", 0, 0), *train, ("wash cup", 2, 1)], [])
    builder = make_builder(annotations, same_ranking(annotations, range(6)), num_options=2)
    sample = builder.build(annotations.train.get("T0"), Split.TRAIN)
    assert {option.text for option in sample.options} == {"take plate", "wash cup"}


@pytest.mark.parametrize("split", list(Split))
def test_too_few_candidates_are_an_error_that_names_the_segment(split: Split) -> None:
    ranking = [0, 1, 2]
    builder = make_builder(PLAIN, same_ranking(PLAIN, ranking), num_options=5)
    segment = PLAIN.split(split).segments[5]
    with pytest.raises(DataError) as failure:
        builder.build(segment, split)
    assert f"segment '{segment.segment_id}': specialist distractors give 3 different texts" in str(failure.value)
    assert "4 are needed" in str(failure.value)
    assert "sft.num_options" in str(failure.value)


def test_random_distractors_run_out_too() -> None:
    annotations = make_annotations([("take plate", 0, 0), ("wash cup", 2, 1)], [])
    with pytest.raises(DataError, match=r"segment 'T0': random distractors give 1 different texts, 2 are needed"):
        make_builder(annotations, num_options=3).build(annotations.train.get("T0"), Split.TRAIN)


@pytest.fixture(scope="module")
def real_questions(ek100: Annotations) -> list[Sample]:
    """A question with five options for each row of the real validation split."""
    builder = make_builder(ek100, num_options=5)
    return [builder.build(segment, Split.VALIDATION) for segment in ek100.validation]


def test_real_questions_are_sound(ek100: Annotations, real_questions: list[Sample]) -> None:
    assert len(real_questions) == 9668
    for sample, segment in zip(real_questions, ek100.validation, strict=True):
        check_question(sample, segment, num_options=5)


def test_real_answers_are_spread_over_the_letters(real_questions: list[Sample]) -> None:
    counts = Counter(sample.answer_idx for sample in real_questions)
    expected = len(real_questions) / 5
    statistic = sum((counts[letter] - expected) ** 2 / expected for letter in range(5))
    assert statistic < 13.28  # chi-square, 4 degrees of freedom, p = 0.01
