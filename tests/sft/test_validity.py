"""What is no wrong option and why, and what is asked when a strategy runs out."""

from __future__ import annotations

import pytest

from llavaction.annotations.epic_kitchens import Split
from llavaction.sft.distractors import DistractorStrategy, StrategyName
from llavaction.sft.distractors.random import RandomDistractors
from llavaction.sft.distractors.same_part import SameNounDistractors, SameVerbDistractors
from llavaction.sft.distractors.validity import DropReason, Similarities, ValidityConfig
from llavaction.sft.narrations import AnswerText, OptionText
from llavaction.sft.samples import Sample
from llavaction.sft.tally import Tally
from llavaction.text.encoders.hashing import HashingEncoder
from llavaction.utils.errors import ConfigError, DataError
from tests.sft.worlds import ONE_TEXT_EACH, Row, Rows, make_annotations, make_builder, same_ranking

TRUTH = ("take plate", 0, 0)


def question(
    train: Rows, ranking: list[str], validity: ValidityConfig | None = None, validation: Rows = (TRUTH,)
) -> tuple[set[str], dict[str, int]]:
    """The options of `V0` with the distractors ranked as told, and what was dropped."""
    annotations = make_annotations(train, validation)
    ids = [annotations.vocabulary.action_id_of_key(key) for key in ranking]
    builder = make_builder(annotations, same_ranking(annotations, ids), num_options=3, validity=validity)
    tally = Tally()
    sample = builder.build(annotations.validation.get("V0"), Split.VALIDATION, tally)
    return {option.text for option in sample.options}, tally.to_row(("dropped",)).get("dropped", {})


def test_the_own_class_is_dropped() -> None:
    texts, dropped = question(ONE_TEXT_EACH, ["0:0", "1:1", "2:2"])
    assert texts == {"take plate", "put cup", "wash knife"}
    assert dropped == {"same_class": 1}


def test_what_overlaps_in_time_is_dropped() -> None:
    beside: Rows = [TRUTH, Row("put cup", 1, 1, start_s=2.0), Row("wash knife", 2, 2, start_s=3.5)]
    ranking = ["1:1", "2:2", "2:3"]
    assert question(ONE_TEXT_EACH, ranking, validation=beside) == (
        {"take plate", "wash knife", "wash tap"},  # what begins when the segment stops does not overlap
        {"overlapping": 1},
    )
    assert question(ONE_TEXT_EACH, ranking, ValidityConfig(overlapping=False), beside) == (
        {"take plate", "put cup", "wash knife"},
        {},
    )


def test_words_that_name_what_overlaps_are_dropped() -> None:
    beside: Rows = [TRUTH, Row("put cup", 1, 1, start_s=2.0)]
    train = [("putting the cups", 2, 3), ("wash plate", 2, 0), ("wash knife", 2, 2)]
    texts, dropped = question(train, ["2:3", "2:0", "2:2"], validation=beside)
    assert texts == {"take plate", "wash plate", "wash knife"}
    assert dropped == {"overlapping": 1}


def test_words_that_annotators_used_for_the_answers_class_are_dropped() -> None:
    # No class file tells what "zap" is; annotators wrote it for both classes.
    train = [("zap", 0, 0), ("zap", 2, 3), ("wash plate", 2, 0), ("wash knife", 2, 2)]
    texts, dropped = question(train, ["2:3", "2:0", "2:2"])
    assert texts == {"take plate", "wash plate", "wash knife"}
    assert dropped == {"synonym": 1}


def test_a_class_without_a_text_of_its_own_is_dropped() -> None:
    # Action 1:1 is known by the answer's text only, 1:2 by another option's.
    train = [("wash plate", 2, 0), ("Take plate.", 1, 1), ("Put cup", 1, 2), ("put cup", 2, 1), ("wash tap", 2, 3)]
    texts, dropped = question(train, ["1:1", "2:1", "1:2", "2:0", "2:3"])
    assert texts == {"take plate", "put cup", "wash plate"}
    assert dropped == {"same_text": 2}


def test_a_class_with_another_text_is_kept() -> None:
    train = [("Take plate.", 1, 1)] * 9 + [("put mug", 1, 1), ("wash plate", 2, 0)]
    assert question(train, ["1:1", "2:0"]) == ({"take plate", "put mug", "wash plate"}, {})


@pytest.mark.parametrize(
    "synonym",
    [
        "grab plate",  # another instance of the verb
        "take dish",  # of the noun
        "Grabbing the dishes",  # inflected, with an article
        "grab plate, then wash cup",  # the first action counts
    ],
)
def test_other_words_for_the_answers_class_are_dropped(synonym: str) -> None:
    train = [*ONE_TEXT_EACH[1:5], ONE_TEXT_EACH[6], (synonym, 1, 1)]
    ranking = ["1:1", "0:1", "0:2"]
    assert question(train, ranking) == ({"take plate", "take cup", "take knife"}, {"synonym": 1})
    assert question(train, ranking, ValidityConfig(synonyms=False)) == ({"take plate", synonym, "take cup"}, {})


def test_what_the_answers_words_name_is_dropped_too() -> None:
    # The annotator wrote "rinse mug" and labelled "take plate": "wash cup" would be as right as the label.
    texts, dropped = question(ONE_TEXT_EACH, ["2:1", "1:2", "1:3"], validation=[("rinse mug", 0, 0)])
    assert texts == {"rinse mug", "put knife", "put tap"}
    assert dropped == {"synonym": 1}


def test_texts_that_are_not_understood_are_no_synonyms() -> None:
    texts, dropped = question([("stir", 1, 1), ("mix", 2, 2)], ["1:1", "2:2"], validation=[("stir it", 0, 0)])
    assert texts == {"stir it", "stir", "mix"}
    assert dropped == {}


def test_too_similar_texts_are_dropped_above_the_limit() -> None:
    train = [("take plates", 1, 1), ("wash knife", 2, 2), ("put tap", 1, 3)]
    ranking, no_synonyms = ["1:1", "2:2", "1:3"], False
    (similarity,) = Similarities(HashingEncoder(), ["take plate", "take plates"]).between("take plate", ["take plates"])
    below = ValidityConfig(synonyms=no_synonyms, max_similarity=similarity - 0.0001)
    assert question(train, ranking, below) == ({"take plate", "wash knife", "put tap"}, {"too_similar": 1})
    at_the_limit = ValidityConfig(synonyms=no_synonyms, max_similarity=similarity)
    assert question(train, ranking, at_the_limit) == ({"take plate", "take plates", "wash knife"}, {})


@pytest.mark.parametrize("limit", [0.0, -0.5, 1.01, float("nan")])
def test_a_limit_that_means_nothing_is_refused(limit: float) -> None:
    with pytest.raises(ConfigError, match=r"distractors\.validity\.max_similarity = .*must be above 0, up to 1"):
        ValidityConfig(max_similarity=limit)


def test_the_segments_own_words_are_no_wrong_option() -> None:
    # The answer is worded as another segment of its class is; "stir" stands for another class too.
    annotations = make_annotations([*[("mix", 0, 0)] * 50, ("stir", 1, 1), ("wash knife", 2, 2)], [("stir", 0, 0)])
    options = {
        "num_options": 2, "option_text": OptionText.MOST_FREQUENT, "answer_text": AnswerText.LIKE_OPTIONS,
    }  # fmt: skip
    builder = make_builder(annotations, same_ranking(annotations, [1, 2]), **options)  # type: ignore[arg-type]
    sample = builder.build(annotations.validation.get("V0"), Split.VALIDATION, Tally())
    assert {option.text for option in sample.options} == {"mix", "wash knife"}


def test_the_reason_of_the_first_text_counts() -> None:
    # Its most frequent text is a synonym, the other one reads as the answer.
    annotations = make_annotations([*[("grab dish", 1, 1)] * 2, ("Take plate.", 1, 1), ("wash tap", 2, 3)], [TRUTH])
    tally = Tally()
    builder = make_builder(
        annotations, same_ranking(annotations, [1, 2]), num_options=2, option_text=OptionText.MOST_FREQUENT
    )
    builder.build(annotations.validation.get("V0"), Split.VALIDATION, tally)
    assert dict(tally.of("dropped")) == {DropReason.SYNONYM: 1}


# All of the 12 classes, with the verbs take, put, wash.
PLAIN = make_annotations(ONE_TEXT_EACH, ONE_TEXT_EACH)


def build_with(*strategies: DistractorStrategy, num_options: int) -> tuple[Sample, Tally]:
    tally = Tally()
    builder = make_builder(PLAIN, *strategies, num_options=num_options)
    return builder.build(PLAIN.validation.get("V0"), Split.VALIDATION, tally), tally


def test_strategies_follow_one_another_in_their_order() -> None:
    specialist = same_ranking(PLAIN, [0, 5])
    vocabulary = PLAIN.vocabulary
    same_noun, same_verb = SameNounDistractors(vocabulary), SameVerbDistractors(vocabulary)
    sample, tally = build_with(specialist, same_noun, same_verb, num_options=6)
    source = {option.action_id: option.source for option in sample.options}
    assert source.pop(0) is None
    assert source == {
        5: "specialist",  # put cup
        4: "same_noun",  # put plate
        8: "same_noun",  # wash plate
        **dict.fromkeys(source.keys() & {1, 2, 3}, "same_verb"),
    }
    assert dict(tally.of("fallbacks")) == {StrategyName.SAME_NOUN: 2, StrategyName.SAME_VERB: 2}
    # The answer's own class is dropped once, not once for each strategy that names it.
    assert dict(tally.of("dropped")) == {DropReason.SAME_CLASS: 1}


def test_no_fallback_is_asked_while_the_strategy_has_enough() -> None:
    sample, tally = build_with(same_ranking(PLAIN, range(12)), RandomDistractors(PLAIN.vocabulary), num_options=12)
    assert {option.source for option in sample.options} == {None, "specialist"}
    assert not tally.of("fallbacks")


@pytest.mark.parametrize("split", list(Split))
def test_running_out_is_an_error_that_names_the_segment(split: Split) -> None:
    strategies = same_ranking(PLAIN, [0, 1]), SameNounDistractors(PLAIN.vocabulary)
    builder = make_builder(PLAIN, *strategies, num_options=6)
    segment = PLAIN.split(split).segments[5]
    with pytest.raises(DataError) as failure:
        builder.build(segment, split, Tally())
    assert f"segment '{segment.segment_id}': specialist, same_noun give 3 distractors, 5 are needed" in str(
        failure.value
    )
    assert "sft.num_options" in str(failure.value)
    assert "distractors.fallback" in str(failure.value)


def test_random_distractors_run_out_too() -> None:
    annotations = make_annotations([("take plate", 0, 0), ("wash cup", 2, 1)], [])
    with pytest.raises(DataError, match=r"segment 'T0': random give 1 distractors, 2 are needed"):
        make_builder(annotations, num_options=3).build(annotations.train.get("T0"), Split.TRAIN, Tally())
