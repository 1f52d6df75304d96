"""Samples about the real annotations of EPIC-KITCHENS-100; skipped where these are not at hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.sft.builders.candidates import CandidatesBuilder
from llavaction.sft.builders.mqa import MqaBuilder
from llavaction.sft.builders.temporal_detection import DetectionConfig, TemporalDetectionBuilder
from llavaction.sft.builders.temporal_order import TemporalOrderBuilder
from llavaction.sft.distractors import StrategyName
from llavaction.sft.distractors.predicted import PredictedDistractors
from llavaction.sft.distractors.random import RandomDistractors
from llavaction.sft.distractors.same_part import SameNounDistractors
from llavaction.sft.narrations import NarrationBank, OptionText
from llavaction.sft.options import OptionMaker
from llavaction.sft.prior_actions import PriorConfig, previous_segments
from llavaction.sft.samples import Sample
from llavaction.sft.tally import Tally
from llavaction.specialists.predictions import TopKPredictions
from llavaction.text.matching import normalise
from llavaction.utils.draws import draws_for
from tests.sft.checks import QuestionCheck
from tests.sft.worlds import PROMPTS, make_options

pytestmark = pytest.mark.thorough

Questions = tuple[list[Sample], Tally]


@pytest.fixture(scope="module")
def options(ek100: Annotations) -> OptionMaker:
    """Random distractors, of which there are always enough."""
    return make_options(ek100, num_options=5)


def make_specialist(annotations: Annotations) -> PredictedDistractors:
    """Twenty actions for each validation segment; the true one is among them for half."""
    vocabulary, table = annotations.vocabulary, annotations.validation
    rankings = []
    for segment in table:
        draws = draws_for(1, segment.segment_id)
        ranking = list(islice(RandomDistractors(vocabulary).candidates(segment, draws), 20))
        truth = vocabulary.action_id(segment.verb_id, segment.noun_id)
        if truth not in ranking and draws.uniform() < 0.5:
            ranking[draws.below(20)] = truth
        rankings.append(ranking)
    action_ids = np.array(rankings, np.int32)
    scores = np.full(action_ids.shape, np.nan, np.float32)
    predictions = TopKPredictions("made up", tuple(s.segment_id for s in table), action_ids, scores)
    return PredictedDistractors(StrategyName.SPECIALIST, predictions)


@pytest.fixture(scope="module", params=["random", "specialist"])
def questions(request: pytest.FixtureRequest, ek100: Annotations, options: OptionMaker) -> Questions:
    """A question with five options for each row of validation, with the default seed."""
    if request.param == "specialist":
        followers = SameNounDistractors(ek100.vocabulary), RandomDistractors(ek100.vocabulary)
        options = replace(options, strategies=(make_specialist(ek100), *followers))
    builder, tally = MqaBuilder(options, PROMPTS, seed=0), Tally()
    return [builder.build(segment, Split.VALIDATION, tally) for segment in ek100.validation], tally


def test_all_questions_are_sound(ek100: Annotations, questions: Questions) -> None:
    samples, tally = questions
    assert len(samples) == 9668
    check = QuestionCheck(ek100, PROMPTS, 5)
    for sample in samples:
        check.check(sample)
    assert tally.of("similarity").total() == 4 * 9668
    assert not tally.of("fallbacks")


def test_answers_are_spread_over_the_letters(questions: Questions) -> None:
    samples, tally = questions
    counts = Counter(sample.answer_idx for sample in samples)
    expected = len(samples) / 5
    statistic = sum((counts[letter] - expected) ** 2 / expected for letter in range(5))
    assert statistic < 13.28  # chi-square, 4 degrees of freedom, p = 0.01
    assert tally.of("letters") == {"ABCDE"[letter]: count for letter, count in counts.items() if letter is not None}


def test_candidates(ek100: Annotations) -> None:
    specialist, vocabulary = make_specialist(ek100), ek100.vocabulary
    for option_text in OptionText:
        bank = NarrationBank(ek100, option_text)
        builder, tally = CandidatesBuilder(vocabulary, bank, specialist, PROMPTS, 20, 0), Tally()
        within: Counter[int] = Counter()
        for segment in ek100.validation:
            sample = builder.build(segment, Split.VALIDATION, tally)
            ranked = specialist._predictions.ranked(segment.segment_id)
            assert [option.action_id for option in sample.options] == ranked
            assert len({normalise(option.text) for option in sample.options}) == 20
            truth = vocabulary.action_id(segment.verb_id, segment.noun_id)
            assert sample.answer_idx == (ranked.index(truth) if truth in ranked else None)
            within.update(k for k in (1, 5, 10, 20) if truth in ranked[:k])
        assert tally.of("truth_within") == within
        assert 0.4 < within[20] / 9668 < 0.6
        assert not tally.of("dropped")


def test_earlier_actions(ek100: Annotations, options: OptionMaker) -> None:
    config = PriorConfig()
    before = previous_segments(ek100, config)
    builder = TemporalOrderBuilder(MqaBuilder(options, PROMPTS, 0), before, None, config, PROMPTS, 0)
    counts = {}
    for split in Split:
        tally = Tally()
        for segment in ek100.split(split):
            builder._prior(segment, split, tally)
        counts[split] = dict(tally.of("prior"))
    assert counts[Split.VALIDATION] == {"none_before": 2448, "told": 7220}
    train = counts[Split.TRAIN]
    assert train["none_before"] == 5726
    assert train["told"] / (train["told"] + train["not_chosen"]) == pytest.approx(0.3, abs=0.01)


def test_every_segment_lies_in_its_padded_clip(ek100: Annotations) -> None:
    builder = TemporalDetectionBuilder(ek100.vocabulary, ek100.videos, DetectionConfig(), PROMPTS, 0)
    for segment in ek100.validation:
        sample = builder.build(segment, Split.VALIDATION, Tally())
        clip, target = sample.shown_clip, sample.target
        assert target is not None
        assert 0 <= clip.start_s <= segment.start_s
        assert clip.stop_s <= ek100.videos[segment.video_id].duration_s
        assert clip.start_s + target.start_s == pytest.approx(segment.start_s, abs=0.0051)
        assert target.stop_s <= round(clip.stop_s - clip.start_s, 2)
        assert sample.answer == f"{target.start_s:.2f} to {target.stop_s:.2f}"
