"""Averages and intervals, against plain means and the interval's own function."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llavaction.evaluation.attention.places import GROUPS, Query, TokenGroup
from llavaction.evaluation.attention.records import LIKENESSES, Likeness, Run
from llavaction.evaluation.attention.summary import summarise
from tests.evaluation.attention.worlds import AS_TRAINED, INFOS, clips_of

CLIPS = clips_of(7)
VISUAL = GROUPS.index(TokenGroup.VISUAL)


@pytest.fixture(scope="module")
def summary():
    return summarise(CLIPS, INFOS, seed=0)


def seen_of(run, query=Query.ANSWER):
    return [clip.measured[run].attention[query] for clip in CLIPS]


def test_curves_are_means_over_questions_and_heads(summary):
    for run, one in summary.runs.items():
        for query, seen in one.attention.items():
            expected_LG = np.mean([each.shares_LHG.mean(1) for each in seen_of(run, query)], axis=0)
            for group, curve in seen.shares.items():
                column = GROUPS.index(group)
                assert [estimate.value for estimate in curve] == pytest.approx(expected_LG[:, column])
                assert seen.overall[group].value == pytest.approx(expected_LG[:, column].mean())
                assert all(estimate.low < estimate.value < estimate.high for estimate in curve)
                assert all((estimate.num_rows, estimate.num_clusters) == (7, 3) for estimate in curve)


def test_shares_sum_to_one_in_every_layer(summary):
    for one in summary.runs.values():
        for seen in one.attention.values():
            sums = [sum(estimate.value for estimate in layer) for layer in zip(*seen.shares.values(), strict=True)]
            assert sums == pytest.approx([1] * one.info.num_layers)
            assert sum(estimate.value for estimate in seen.overall.values()) == pytest.approx(1)
            assert sum(seen.even.values()) == pytest.approx(1)


def test_groups_without_tokens_are_left_out(summary):
    with_token, left_out = (summary.runs[run].attention for run in (Run.AS_TRAINED, Run.LEFT_OUT))
    assert set(with_token[Query.ANSWER].shares) == set(TokenGroup)
    assert set(left_out[Query.ANSWER].shares) == set(TokenGroup) - {TokenGroup.ACTION_TOKEN}
    assert set(with_token[Query.ACTION_TOKEN].shares) == set(TokenGroup) - {TokenGroup.QUESTION, TokenGroup.ANSWER}
    assert Query.ACTION_TOKEN not in left_out


def test_heads_are_kept(summary):
    for run, one in summary.runs.items():
        expected_LHG = np.mean([each.shares_LHG for each in seen_of(run)], axis=0)
        heads = one.attention[Query.ANSWER].heads[TokenGroup.VISUAL]
        assert heads.shape == (one.info.num_layers, one.info.num_heads)
        assert heads == pytest.approx(expected_LHG[..., VISUAL])


def test_likenesses_of_input_and_layers(summary):
    for run, one in summary.runs.items():
        expected_LK = np.mean([clip.measured[run].likeness for clip in CLIPS], axis=0)
        for column, name in enumerate(LIKENESSES):
            assert [estimate.value for estimate in one.likeness[name]] == pytest.approx(expected_LK[:, column])
            assert one.likeness_overall[name].value == pytest.approx(expected_LK[1:, column].mean())
        expected = np.mean([clip.measured[run].log_likelihood for clip in CLIPS])
        assert one.log_likelihood.value == pytest.approx(expected)


def test_differences_are_paired(summary):
    left_out, other = summary.differences
    assert (left_out.run, other.run) == (Run.LEFT_OUT, Run.OTHER)
    first = summary.runs[Run.AS_TRAINED].attention[Query.ANSWER].overall
    for difference in summary.differences:
        assert list(difference.attention) == [Query.ANSWER]
        changes = difference.attention[Query.ANSWER]
        there = summary.runs[difference.run].attention[Query.ANSWER].overall
        for group, change in changes.items():
            value = there[group].value if group in there else 0.0
            assert change.value == pytest.approx(value - first[group].value)
        assert changes[TokenGroup.ACTION_TOKEN].value == pytest.approx(-first[TokenGroup.ACTION_TOKEN].value)
    gap = Likeness.MODALITY_GAP
    expected = (
        summary.runs[Run.OTHER].likeness_overall[gap].value - summary.runs[Run.AS_TRAINED].likeness_overall[gap].value
    )
    assert other.likeness[gap].value == pytest.approx(expected)


def test_a_constant_difference_has_no_spread():
    """Shares that vary a lot from clip to clip, but of both runs alike."""
    clips = [replace(clip, measured={**clip.measured, Run.LEFT_OUT: clip.measured[Run.AS_TRAINED]}) for clip in CLIPS]
    (difference,) = summarise(clips, INFOS[:2], seed=0).differences
    change = difference.attention[Query.ANSWER][TokenGroup.VISUAL]
    assert (change.value, change.low, change.high) == (0, None, None)


def test_one_video_has_no_interval():
    one = summarise(clips_of(4, num_videos=1), INFOS, seed=0)
    assert (one.num_questions, one.num_videos) == (4, 1)
    estimate = one.runs[Run.AS_TRAINED].attention[Query.ANSWER].shares[TokenGroup.VISUAL][0]
    assert (estimate.low, estimate.high) == (None, None)


def test_the_order_of_questions_does_not_matter(summary):
    again = summarise(CLIPS[::-1], INFOS, seed=0)
    for run, one in summary.runs.items():
        for query, seen in one.attention.items():
            for group, curve in seen.shares.items():
                other = again.runs[run].attention[query].shares[group]
                for end in ("low", "high"):
                    mine, theirs = ([getattr(estimate, end) for estimate in each] for each in (curve, other))
                    assert mine == pytest.approx(theirs)


def test_the_seed_decides_the_draws():
    clips = clips_of(12, num_videos=12)
    mine, theirs = (summarise(clips, INFOS, seed).runs[Run.AS_TRAINED].log_likelihood for seed in (0, 1))
    assert mine.value == theirs.value and (mine.low, mine.high) != (theirs.low, theirs.high)


def test_a_single_run_has_no_differences():
    assert summarise(clips_of(2, (AS_TRAINED,)), [AS_TRAINED], seed=0).differences == ()
