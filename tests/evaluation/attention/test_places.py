"""Each token of a prompt is in one group, and the right one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.attention.places import GROUPS, Query, TokenGroup, find_places
from llavaction.model.config import NewlinePosition
from llavaction.model.token_layout import TokenLayout
from llavaction.utils.errors import DataError
from tests.properties import reproducible

VIDEO, ACTION = 98, 99
OPENING, QUESTION, ANSWER = [1, 2, 3, 4], [5, 6], [7, 8, 9]


def layout_of(newline=NewlinePosition.GRID, num_action_tokens=1, side=2):
    return TokenLayout(side, 1, newline, num_action_tokens, VIDEO, ACTION)


def places_of(layout, num_frames=2, answer=ANSWER, has_action_tokens=True):
    prompt = [*OPENING, *layout.placeholders(num_frames, has_action_tokens), *QUESTION]
    return find_places(prompt, answer, layout, num_frames, len(OPENING))


def test_a_prompt_token_by_token():
    places = places_of(layout_of())
    words = [GROUPS[number].value[0] for number in places.groups_S]
    #                      opening  first frame second frame  action  question, answer
    assert "".join(words) == "fsss" + "vvnvvn" + "vvnvvn" + "a" + "qq" + "aaa"
    assert places.of(TokenGroup.FIRST_TOKEN) == [0]
    assert places.of(TokenGroup.ACTION_TOKEN) == [16]
    assert places.of(TokenGroup.ANSWER) == [19, 20, 21]
    assert places.of(TokenGroup.QUESTION, TokenGroup.ANSWER) == [17, 18, 19, 20, 21]
    assert places.pooled == (4, 5, 7, 8, 10, 11, 13, 14)
    # The last of the prompt predicts the first of the answer; its last predicts nothing of it.
    assert places.queries == {Query.ANSWER: (18, 19, 20), Query.ACTION_TOKEN: (16,)}


def test_an_answer_of_one_token_comes_from_the_prompt_alone():
    assert places_of(layout_of(), answer=[7]).queries[Query.ANSWER] == (18,)


def test_three_action_tokens_attend_together():
    assert places_of(layout_of(num_action_tokens=3)).queries[Query.ACTION_TOKEN] == (16, 17, 18)


@pytest.mark.parametrize(("num_action_tokens", "has_action_tokens"), [(0, True), (1, False)])
def test_action_tokens_that_are_not_there_do_not_attend(num_action_tokens, has_action_tokens):
    places = places_of(layout_of(num_action_tokens=num_action_tokens), has_action_tokens=has_action_tokens)
    assert list(places.queries) == [Query.ANSWER]
    assert places.of(TokenGroup.ACTION_TOKEN) == []


@reproducible
@given(
    st.sampled_from(list(NewlinePosition)),
    st.sampled_from([0, 1, 3]),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_every_token_has_a_group_and_every_patch_a_place(newline, num_action_tokens, side, num_frames, num_answer):
    layout = layout_of(newline, num_action_tokens, side)
    places = places_of(layout, num_frames, [7] * num_answer)
    counts = {group: len(places.of(group)) for group in TokenGroup}
    num_visual = layout.num_visual_tokens(num_frames)
    assert counts == {
        TokenGroup.FIRST_TOKEN: 1,
        TokenGroup.SYSTEM: len(OPENING) - 1,
        TokenGroup.VISUAL: num_frames * side * side,
        TokenGroup.NEWLINE: num_visual - num_frames * side * side,
        TokenGroup.ACTION_TOKEN: num_action_tokens,
        TokenGroup.QUESTION: len(QUESTION),
        TokenGroup.ANSWER: num_answer,
    }
    assert places.of(TokenGroup.VISUAL) == list(places.pooled)
    assert len(places.queries[Query.ANSWER]) == num_answer
    for query in places.queries:
        assert places.even_shares(query).sum() == pytest.approx(1)


def test_an_even_spread_counts_what_each_position_sees():
    even = dict(zip(GROUPS, places_of(layout_of()).even_shares(Query.ANSWER), strict=True))
    # Positions 18, 19 and 20 see 19, 20 and 21 tokens, 0, 1 and 2 of them of the answer.
    assert even[TokenGroup.VISUAL] == pytest.approx(np.mean([8 / 19, 8 / 20, 8 / 21]))
    assert even[TokenGroup.ANSWER] == pytest.approx(np.mean([0, 1 / 20, 2 / 21]))
    even = dict(zip(GROUPS, places_of(layout_of()).even_shares(Query.ACTION_TOKEN), strict=True))
    assert even[TokenGroup.ACTION_TOKEN] == pytest.approx(1 / 17)
    assert even[TokenGroup.QUESTION] == even[TokenGroup.ANSWER] == 0


def test_an_answer_without_tokens_is_refused():
    with pytest.raises(DataError, match=r"answer has no tokens.*answer=TEXT"):
        places_of(layout_of(), answer=[])


def test_another_number_of_visual_tokens_is_refused():
    layout = layout_of()
    with pytest.raises(DataError, match="12 visual tokens, a video of 3 frames has 18"):
        find_places([*OPENING, *layout.placeholders(2), *QUESTION], ANSWER, layout, 3, len(OPENING))
