"""Questions among a model's best classes: in ranked order, worded alike, the truth never put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.annotations.segments import Segment
from llavaction.sft.builders.candidates import CandidatesBuilder, ranking_files, read_ranking
from llavaction.sft.config import SftConfig
from llavaction.sft.distractors import DistractorsConfig, PredictionFiles, StrategyName
from llavaction.sft.distractors.predicted import PredictedDistractors
from llavaction.sft.factory import BuilderFactory, Recipe
from llavaction.sft.narrations import NarrationBank, OptionText
from llavaction.sft.samples import Sample, View
from llavaction.sft.tally import Tally
from llavaction.text.class_texts import action_text
from llavaction.text.matching import normalise
from llavaction.utils.errors import ConfigError, DataError
from tests.properties import reproducible
from tests.sft.worlds import (
    MORE_NOUNS,
    ONE_TEXT_EACH,
    PROMPTS,
    in_other_order,
    make_annotations,
    make_predicted,
    one_text_each,
    same_ranking,
    worlds,
)

KITCHEN = make_annotations(ONE_TEXT_EACH, [("take that plate", 0, 0), ("put cup", 1, 1)])


def make_candidates(
    annotations: Annotations,
    ranking: PredictedDistractors,
    *,
    num_candidates: int = 4,
    option_text: OptionText = OptionText.RANDOM,
    seed: int = 0,
) -> CandidatesBuilder:
    bank = NarrationBank(annotations, option_text)
    return CandidatesBuilder(annotations.vocabulary, bank, ranking, PROMPTS, num_candidates, seed)


def build(builder: CandidatesBuilder, segments: Sequence[Segment] | Any) -> tuple[dict[str, Sample], Tally]:
    """Samples by segment, and what was counted."""
    tally = Tally()
    return {s.segment_id: builder.build(s, Split.VALIDATION, tally) for s in segments}, tally


def texts(sample: Sample) -> list[str]:
    return [option.text for option in sample.options]


def test_a_question_whose_truth_is_ranked() -> None:
    ranking = [4, 0, 5, 2, 1]
    samples, tally = build(
        make_candidates(KITCHEN, same_ranking(KITCHEN, ranking), option_text=OptionText.FIRST_SEEN),
        [KITCHEN.validation.get("V0")],
    )
    sample = samples["V0"]
    assert sample.sample_id == "candidates/specialist/V0"
    assert [option.action_id for option in sample.options] == ranking[:4]
    # The true class has its first narration, not this segment's.
    assert texts(sample) == ["put plate", "take plate", "put cup", "take knife"]
    assert sample.question == "Which is it?\nA. put plate\nB. take plate\nC. put cup\nD. take knife"
    assert (sample.answer_idx, sample.answer) == (1, "B. take plate")
    assert {option.source for option in sample.options} == {"specialist"}
    assert [option.answer for option in sample.options] == sample.question.splitlines()[1:]
    assert tally.of("truth_within") == {1: 0, 4: 1}


def test_a_question_whose_truth_is_not_ranked_lacks_it() -> None:
    samples, tally = build(make_candidates(KITCHEN, same_ranking(KITCHEN, [4, 5, 2, 1, 0])), KITCHEN.validation)
    assert samples["V0"].answer_idx is None
    assert 0 not in [option.action_id for option in samples["V0"].options]
    assert samples["V0"].answer == "take that plate"
    assert samples["V1"].answer_idx == 1
    assert tally.of("truth_within") == {1: 0, 4: 1}


def test_counts_are_made_at_one_five_ten_twenty_and_all() -> None:
    kitchen = make_annotations(one_text_each(MORE_NOUNS), [("take plate", 0, 0)] * 3, MORE_NOUNS)
    ranking = same_ranking(kitchen, [*range(1, 9), 0, *range(9, 36)])
    for num_candidates, counted in [
        (3, {1: 0, 3: 0}),
        (8, {1: 0, 5: 0, 8: 0}),
        (10, {1: 0, 5: 0, 10: 3}),
        (26, {1: 0, 5: 0, 10: 3, 20: 3, 26: 3}),
    ]:
        _, tally = build(make_candidates(kitchen, ranking, num_candidates=num_candidates), kitchen.validation)
        assert tally.of("truth_within") == counted


def test_a_text_that_is_taken_gives_way_to_the_next_and_then_to_the_name() -> None:
    same = [("take it", 0, 0), ("take it", 0, 1), ("pick it", 0, 1), ("Take it!", 0, 2)]
    kitchen = make_annotations(same, [("take it", 0, 2)])
    samples, tally = build(
        make_candidates(kitchen, same_ranking(kitchen, [0, 1, 2]), num_candidates=3, option_text=OptionText.FIRST_SEEN),
        kitchen.validation,
    )
    assert texts(samples["V0"]) == ["take it", "pick it", "take knife"]
    assert samples["V0"].answer_idx == 2
    assert not tally.of("dropped")


def test_a_class_without_a_text_left_is_counted_and_the_next_takes_its_place() -> None:
    # "take plate" is all that is known of class 0, and what was written of class 1.
    rows = [("take plate", 0, 0), ("take plate", 0, 1), ("wash tap", 2, 3)]
    kitchen = make_annotations(rows, [("take plate", 0, 0), ("take plate", 0, 1)])
    builder = make_candidates(
        kitchen, same_ranking(kitchen, [1, 0, 2]), num_candidates=2, option_text=OptionText.FIRST_SEEN
    )
    samples, tally = build(builder, [kitchen.validation.get("V0")])
    assert [option.action_id for option in samples["V0"].options] == [1, 2]
    assert samples["V0"].answer_idx is None
    assert tally.of("dropped") == {"true_class_no_text_left": 1}
    _, tally = build(builder, [kitchen.validation.get("V1")])
    assert tally.of("dropped") == {"no_text_left": 1}


def test_names_of_classes_as_options() -> None:
    samples, _ = build(
        make_candidates(KITCHEN, same_ranking(KITCHEN, [0, 4, 5]), num_candidates=2, option_text=OptionText.CLASS_KEY),
        KITCHEN.validation,
    )
    assert texts(samples["V0"]) == ["take plate", "put plate"]


def test_a_ranking_that_is_too_short_is_an_error_that_names_the_segment() -> None:
    builder = make_candidates(KITCHEN, same_ranking(KITCHEN, [3, 1, 2]))
    with pytest.raises(DataError, match=r"segment 'V0': specialist ranks 3 classes .* sft\.num_candidates = 4"):
        build(builder, KITCHEN.validation)


@reproducible
@given(worlds, st.integers(2, 8), st.integers(0, 3), st.sampled_from(OptionText))
def test_what_holds_for_all_candidates(
    annotations: Annotations, num_candidates: int, seed: int, option_text: OptionText
) -> None:
    vocabulary = annotations.vocabulary
    ranking = make_predicted(StrategyName.SELF_MINED, annotations)
    builder = make_candidates(annotations, ranking, num_candidates=num_candidates, option_text=option_text, seed=seed)
    samples, tally = build(builder, annotations.validation)
    within = 0
    for segment in annotations.validation:
        sample, ranked = samples[segment.segment_id], ranking._predictions.ranked(segment.segment_id)
        ids = [option.action_id for option in sample.options]
        words = [normalise(option.text) for option in sample.options]
        truth = vocabulary.action_id(segment.verb_id, segment.noun_id)
        assert len(words) == len(set(words)) == num_candidates
        # A part of the ranking in its order, and the first of it where nothing was left without a text.
        places = [ranked.index(action_id) for action_id in ids]
        assert places == sorted(places)
        assert tally.of("dropped") or ids == ranked[:num_candidates]
        assert sample.answer_idx == (ids.index(truth) if truth in ids else None)
        assert sample.answer == (segment.narration if truth not in ids else sample.options[ids.index(truth)].answer)
        bank = NarrationBank(annotations, option_text)
        for option in sample.options:
            known = [*bank._texts[option.action_id], action_text(vocabulary, option.action_id)]
            assert option.text in known and option.source == "self_mined"
        assert Sample.from_row(sample.to_row()) == sample
        within += truth in ids
    assert tally.of("truth_within")[num_candidates] == within


@reproducible
@given(worlds, st.integers(0, 3), st.integers(2, 7))
def test_the_first_of_many_candidates_are_the_question_with_few(annotations: Annotations, seed: int, few: int) -> None:
    ranking = make_predicted(StrategyName.SPECIALIST, annotations)
    many_samples, _ = build(make_candidates(annotations, ranking, num_candidates=8, seed=seed), annotations.validation)
    few_samples, _ = build(make_candidates(annotations, ranking, num_candidates=few, seed=seed), annotations.validation)
    for segment_id, sample in few_samples.items():
        assert many_samples[segment_id].options[:few] == sample.options


@reproducible
@given(worlds, st.integers(0, 5))
def test_neither_the_order_of_segments_nor_other_segments_matter(annotations: Annotations, seed: int) -> None:
    ranking = make_predicted(StrategyName.SPECIALIST, annotations)
    other = in_other_order(annotations, seed)
    samples, _ = build(make_candidates(annotations, ranking, seed=seed), annotations.validation)
    assert build(make_candidates(other, ranking, seed=seed), other.validation)[0] == samples
    last = list(annotations.validation)[-1]
    alone, _ = build(make_candidates(annotations, ranking, seed=seed), [last])
    assert alone[last.segment_id] == samples[last.segment_id]


@reproducible
@given(worlds, st.integers(0, 3))
def test_the_words_of_an_option_do_not_tell_what_is_true(annotations: Annotations, seed: int) -> None:
    """Whatever the truth of a segment and its narration, the same ranking makes the same options."""
    ranking = make_predicted(StrategyName.SPECIALIST, annotations)
    builder = make_candidates(annotations, ranking, seed=seed)
    segments = list(annotations.validation)
    donor = segments[0]
    for segment in segments:
        other = replace(segment, narration=donor.narration, verb_id=donor.verb_id, noun_id=donor.noun_id)
        one, two = (builder.build(each, Split.VALIDATION, Tally()) for each in (segment, other))
        assert one.options == two.options and one.question == two.question


def test_the_seed_and_the_segment_choose_the_words_and_the_model_does_not() -> None:
    rows = [(f"take plate {number}", 0, 0) for number in range(40)] + ONE_TEXT_EACH[1:]
    kitchen = make_annotations(rows, [("take plate 3", 0, 0)] * 12)

    def words(ranking: list[int], seed: int = 0) -> list[str]:
        builder = make_candidates(kitchen, same_ranking(kitchen, ranking), num_candidates=2, seed=seed)
        samples, _ = build(builder, kitchen.validation)
        return [sample.options[ranking.index(0)].text for sample in samples.values()]

    assert words([0, 3]) == words([5, 0])
    assert words([0, 3]) != words([0, 3], seed=1)
    assert len(set(words([0, 3]))) > 3


def test_the_words_of_each_class_are_drawn_on_their_own() -> None:
    rows = [(f"{text} {number}", 0, noun_id) for number in range(20) for noun_id, text in enumerate(("one", "two"))]
    kitchen = make_annotations(rows, [("wash tap", 2, 3)] * 20)
    builder = make_candidates(kitchen, same_ranking(kitchen, [0, 1]), num_candidates=2)
    pairs = [[text.split()[1] for text in texts(sample)] for sample in build(builder, kitchen.validation)[0].values()]
    assert sum(one == two for one, two in pairs) < 5


OTHERS = [name for name in StrategyName if name not in (StrategyName.SPECIALIST, StrategyName.SELF_MINED)]


@pytest.mark.parametrize("strategy", OTHERS)
def test_strategies_that_rank_nothing_are_refused_before_anything_is_built(strategy: StrategyName) -> None:
    weights = {"random": 1.0} if strategy is StrategyName.MIXED else {}
    config = DistractorsConfig(strategy=strategy, weights=weights)
    sft = SftConfig(splits=[Split.VALIDATION], views=[View.CANDIDATES])
    problem = rf"which distractors={strategy} does not read; set distractors=specialist distractors\.validation_file="
    with pytest.raises(ConfigError, match=problem):
        ranking_files(config)
    with pytest.raises(ConfigError, match=problem):
        Recipe(sft, config, PROMPTS)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (DistractorsConfig(train_file="t", strategy=StrategyName.SPECIALIST), "distractors.validation_file=FILE"),
        (
            DistractorsConfig(
                validation_file="v", strategy=StrategyName.SELF_MINED, self_mined=PredictionFiles(train_file="t")
            ),
            "distractors.self_mined.validation_file=FILE",
        ),
    ],
)
def test_a_missing_file_is_named_by_its_key(config: DistractorsConfig, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_ranking(config, KITCHEN, Split.VALIDATION)
    assert key in str(caught.value)


def test_training_is_refused() -> None:
    config = DistractorsConfig("train.json", "validation.json", strategy=StrategyName.SPECIALIST)
    recipe = Recipe(SftConfig(splits=[Split.VALIDATION], views=[View.CANDIDATES]), config, PROMPTS)
    with pytest.raises(ConfigError, match=r"made for validation alone, not for train; set sft\.splits=\[validation\]"):
        BuilderFactory(KITCHEN, recipe).builder(View.CANDIDATES, Split.TRAIN)
