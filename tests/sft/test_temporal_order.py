"""Questions that tell what was done before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.sft.builders.temporal_order import TemporalOrderBuilder
from llavaction.sft.prior_actions import PriorConfig, previous_segments
from llavaction.sft.samples import PriorAction, Sample, View
from llavaction.sft.tally import Tally
from llavaction.utils.errors import ConfigError
from tests.sft.worlds import ONE_TEXT_EACH, PROMPTS, make_annotations, make_builder

# 5 s from one start to the next, 2.5 s pauses.
ANNOTATIONS = make_annotations(ONE_TEXT_EACH, [("take plate", 0, 0), ("put cup", 1, 1), ("wash knife", 2, 2)])


def make_order(
    annotations: Annotations, answers: Mapping[str, str] | None = None, config: PriorConfig | None = None, seed: int = 0
) -> TemporalOrderBuilder:
    config = config or PriorConfig()
    questions = make_builder(annotations, seed=seed)
    return TemporalOrderBuilder(questions, previous_segments(annotations, config), answers, config, PROMPTS, seed)


def build(segment_id: str, answers: Mapping[str, str] | None = None) -> tuple[Sample, Sample, Tally]:
    """A validation segment's question with history, the plain one, and the counts."""
    tally, segment = Tally(), ANNOTATIONS.validation.get(segment_id)
    sample = make_order(ANNOTATIONS, answers).build(segment, Split.VALIDATION, tally)
    return sample, make_builder(ANNOTATIONS).build(segment, Split.VALIDATION, Tally()), tally


def test_the_history_stands_before_the_same_question() -> None:
    sample, plain, tally = build("V2")
    assert sample.question == f"Before it:\n- take plate, 10.00 s ago\n- put cup, 5.00 s ago\n{plain.question}"
    assert sample.prior == (PriorAction("V0", "take plate", 10.0), PriorAction("V1", "put cup", 5.0))
    assert sample.sample_id == "temporal_order/random/V2"
    assert sample == replace(
        plain,
        sample_id=sample.sample_id,
        view=View.TEMPORAL_ORDER,
        turns=(replace(plain.turns[0], text=sample.question), *plain.turns[1:]),
        prior=sample.prior,
    )
    assert tally.to_row(("prior",)) == {"prior": {"told": 1}}


def test_a_segment_with_too_few_before_it_is_asked_without() -> None:
    sample, plain, tally = build("V1")
    assert sample == replace(plain, sample_id="temporal_order/random/V1", view=View.TEMPORAL_ORDER)
    assert tally.to_row(("prior",)) == {"prior": {"none_before": 1}}


def test_in_validation_a_models_answers_are_told() -> None:
    sample, _, _ = build("V2", {"V0": "put dish", "V1": "wash mug"})
    assert [action.text for action in sample.prior] == ["put dish", "wash mug"]
    assert "- put dish, 10.00 s ago\n- wash mug, 5.00 s ago\n" in sample.question


def test_a_question_without_all_answers_tells_nothing_which_is_counted() -> None:
    sample, plain, tally = build("V2", {"V1": "wash mug"})
    assert sample.question == plain.question
    assert sample.prior == ()
    assert tally.to_row(("prior",)) == {"prior": {"no_answer": 1}}


def test_in_training_the_narrations_are_told_whatever_a_model_said() -> None:
    builder = make_order(ANNOTATIONS, {}, PriorConfig(train_share=1.0))
    sample = builder.build(ANNOTATIONS.train.get("T2"), Split.TRAIN, Tally())
    assert [action.text for action in sample.prior] == ["take plate", "take cup"]


def counts(share: float, seed: int = 0) -> dict[str, int]:
    tally = Tally()
    annotations = make_annotations(ONE_TEXT_EACH * 60, [])
    builder = make_order(annotations, config=PriorConfig(train_share=share), seed=seed)
    for segment in annotations.train:
        builder.build(segment, Split.TRAIN, tally)
    return tally.to_row(("prior",))["prior"]


@pytest.mark.parametrize("seed", [0, 1])
def test_about_30_percent_of_the_training_questions_that_can_tell_do(seed: int) -> None:
    found = counts(PriorConfig().train_share, seed)
    assert found["none_before"] == 2
    assert found["told"] + found["not_chosen"] == 718
    assert 0.25 < found["told"] / 718 < 0.35  # standard deviation 0.017


def test_the_share_may_be_none_or_all() -> None:
    assert counts(0.0) == {"none_before": 2, "not_chosen": 718}
    assert counts(1.0) == {"none_before": 2, "told": 718}


def test_prompts_without_a_history_are_refused() -> None:
    prompts = replace(PROMPTS, prior_question=None)
    with pytest.raises(ConfigError, match=r"prompts 'test' have no prior_question; add it .* sft\.views"):
        TemporalOrderBuilder(make_builder(ANNOTATIONS), {}, None, PriorConfig(), prompts, 0)
