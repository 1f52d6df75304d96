"""Properties of all questions, whichever strategy, number of options and texts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.sft.builders.temporal_order import TemporalOrderBuilder
from llavaction.sft.distractors import StrategyName
from llavaction.sft.narrations import AnswerText, OptionText
from llavaction.sft.prior_actions import PriorConfig, previous_segments
from llavaction.sft.tally import Tally
from tests.properties import reproducible
from tests.sft.checks import QuestionCheck
from tests.sft.worlds import (
    MORE_NOUNS,
    PROMPTS,
    Row,
    all_segments,
    in_other_order,
    make_annotations,
    make_builder,
    make_strategy,
    one_text_each,
    worlds,
)

pytestmark = pytest.mark.thorough

STRATEGIES = list(StrategyName)
TEXTS = [
    (option_text, answer_text)
    for option_text in OptionText
    for answer_text in AnswerText
    if (option_text, answer_text) != (OptionText.CLASS_KEY, AnswerText.NARRATION)
]

# For what is tried with each strategy; each example is a whole world.
quick = settings(reproducible, max_examples=20)


def make_order_builder(
    annotations: Annotations,
    name: StrategyName,
    num_options: int = 4,
    texts: tuple[OptionText, AnswerText] = TEXTS[0],
    seed: int = 0,
) -> TemporalOrderBuilder:
    """Questions that tell the action before; where the strategy runs out, the usual strategies follow."""
    names = dict.fromkeys([name, StrategyName.SAME_NOUN, StrategyName.RANDOM])
    strategies = [make_strategy(each, annotations) for each in names]
    questions = make_builder(
        annotations, *strategies, num_options=num_options, option_text=texts[0], answer_text=texts[1], seed=seed
    )
    prior = PriorConfig(num_actions=1)
    return TemporalOrderBuilder(questions, previous_segments(annotations, prior), None, prior, PROMPTS, seed)


@pytest.mark.parametrize("name", STRATEGIES)
@quick
@given(worlds, st.integers(2, 5), st.sampled_from(TEXTS), st.integers(0, 5))
def test_every_question_is_sound(
    name: StrategyName, annotations: Annotations, num_options: int, texts: tuple[OptionText, AnswerText], seed: int
) -> None:
    builder = make_order_builder(annotations, name, num_options, texts, seed)
    check = QuestionCheck(annotations, PROMPTS, num_options)
    for segment, split in all_segments(annotations):
        check.check(builder.build(segment, split, Tally()), texts[1])


@pytest.mark.parametrize("texts", TEXTS)
@quick
@given(worlds)
def test_options_show_texts_of_their_classes(texts: tuple[OptionText, AnswerText], annotations: Annotations) -> None:
    option_text, answer_text = texts
    builder = make_builder(annotations, option_text=option_text, answer_text=answer_text)
    written: dict[int, set[str]] = {}
    for segment, _ in all_segments(annotations):
        action_id = annotations.vocabulary.action_id(segment.verb_id, segment.noun_id)
        texts_of_class = written.setdefault(action_id, set())
        key_text = f"{segment.verb} {segment.noun}"
        texts_of_class.add(key_text if option_text is OptionText.CLASS_KEY else segment.narration)
    for segment, split in all_segments(annotations):
        sample = builder.build(segment, split, Tally())
        assert all(option.text in written[option.action_id] for option in sample.options)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("split", list(Split))
def test_as_many_options_as_letters(name: StrategyName, split: Split) -> None:
    rows = [Row(*row) for row in one_text_each(MORE_NOUNS)]
    annotations = make_annotations(rows, rows[::7], nouns=MORE_NOUNS)
    builder = make_order_builder(annotations, name, num_options=26)
    check = QuestionCheck(annotations, PROMPTS, 26)
    for segment in list(annotations.split(split))[:4]:
        sample = builder.build(segment, split, Tally())
        check.check(sample)
        assert sample.question.splitlines()[-1].startswith("Z. ")


def rows_of(annotations: Annotations, name: StrategyName) -> dict[str, object]:
    return dict(_build(annotations, name))


def _build(annotations: Annotations, name: StrategyName, step: int = 1) -> Iterator[tuple[str, object]]:
    builder = make_order_builder(annotations, name)
    for segment, split in list(all_segments(annotations))[::step]:
        yield segment.segment_id, builder.build(segment, split, Tally()).to_row()


@pytest.mark.parametrize("name", STRATEGIES)
@quick
@given(worlds, st.integers(0, 3))
def test_neither_row_order_nor_what_was_built_before_matters(
    name: StrategyName, annotations: Annotations, seed: int
) -> None:
    whole = rows_of(annotations, name)
    assert rows_of(in_other_order(annotations, seed), name) == whole
    some = list(_build(annotations, name, step=-3))
    assert some == [(segment_id, whole[segment_id]) for segment_id, _ in some]


@reproducible
@given(worlds, st.sampled_from(STRATEGIES))
def test_counts_add_up(annotations: Annotations, name: StrategyName) -> None:
    builder, tally = make_order_builder(annotations, name), Tally()
    samples = [builder.build(segment, split, tally) for segment, split in all_segments(annotations)]
    fallbacks = [option.source for sample in samples for option in sample.options if option.source not in (None, name)]
    assert tally.of("letters").total() == tally.of("prior").total() == len(samples)
    assert tally.of("fallbacks").total() == len(fallbacks)
    assert tally.of("similarity").total() == 3 * len(samples)
    assert all(-1 <= similarity <= 1 for similarity in tally.of("similarity"))


def test_the_strategies_of_these_tests_are_what_they_are_named() -> None:
    annotations = make_annotations(one_text_each(), [])
    assert [make_strategy(name, annotations).name for name in STRATEGIES] == STRATEGIES
