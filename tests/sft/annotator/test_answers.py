from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llavaction.api.answers import InvalidAnswer
from llavaction.api.reasons import Reason
from llavaction.sft.annotator.answers import CaptionAnswer, parse_caption, parse_pairs
from llavaction.sft.annotator.records import QaPair
from tests.api.worlds import reply

PAIRS = [{"question": f"What is {number}?", "answer": "It is."} for number in range(3)]

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["agrees", "caption", "pairs", "question", "answer"]), inner)
    ),
)


def test_a_caption() -> None:
    answer = parse_caption(reply('{"agrees": true, "caption": " I take it. "}'))

    assert answer == CaptionAnswer(True, "I take it.")


@pytest.mark.parametrize("caption", ["", "An empty sink."])
def test_a_disagreement_may_come_without_words(caption: str) -> None:
    answer = parse_caption(reply(json.dumps({"agrees": False, "caption": caption})))

    assert answer == CaptionAnswer(False, caption)


@pytest.mark.parametrize(
    "content", ['```json\n{"agrees": false, "caption": ""}\n```', '\n```\n{"agrees": false, "caption": ""}\n```\n']
)
def test_a_markdown_block_is_unwrapped(content: str) -> None:
    assert parse_caption(reply(content)) == CaptionAnswer(False, "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, Reason.NO_TEXT),
        (" \n", Reason.NO_TEXT),
        ("I take a plate.", Reason.NOT_JSON),
        ('{"agrees": true, "caption": "cut', Reason.NOT_JSON),
        ('Sure! {"agrees": true, "caption": "x"}', Reason.NOT_JSON),
        ("[" * 100_000, Reason.NOT_JSON),
        ('["agrees"]', Reason.WRONG_FIELDS),
        ('"agrees"', Reason.WRONG_FIELDS),
        ('{"agrees": true}', Reason.WRONG_FIELDS),
        ('{"agrees": true, "caption": "x", "why": "y"}', Reason.WRONG_FIELDS),
        ('{"agrees": "true", "caption": "x"}', Reason.WRONG_FIELDS),
        ('{"agrees": 1, "caption": "x"}', Reason.WRONG_FIELDS),
        ('{"agrees": true, "caption": ["x"]}', Reason.WRONG_FIELDS),
        ('{"agrees": true, "caption": null}', Reason.WRONG_FIELDS),
        ('{"agrees": true, "caption": "  "}', Reason.WRONG_FIELDS),
        ('{"agrees": true, "caption": "\\ud83d"}', Reason.WRONG_FIELDS),
    ],
)
def test_other_captions_are_refused(content: str | None, reason: Reason) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        parse_caption(reply(content))
    assert caught.value.reason is reason
    caught.value.detail.encode()


@pytest.mark.parametrize(
    ("fields", "reason", "words"),
    [
        ({"refusal": "I cannot\nhelp."}, Reason.REFUSED, "I cannot help."),
        ({"finish_reason": "content_filter"}, Reason.REFUSED, "content filter"),
        ({"finish_reason": "length"}, Reason.CUT_OFF, "max_output_tokens"),
    ],
)
def test_an_answer_that_was_stopped_is_refused(fields: dict[str, Any], reason: Reason, words: str) -> None:
    # Whole JSON, yet not the whole answer.
    with pytest.raises(InvalidAnswer, match=words) as caught:
        parse_caption(reply('{"agrees": true, "caption": "I take it."}', **fields))
    assert caught.value.reason is reason


def test_pairs() -> None:
    pairs = parse_pairs(reply(json.dumps({"pairs": PAIRS})))

    assert pairs == tuple(QaPair(f"What is {number}?", "It is.") for number in range(3))


@pytest.mark.parametrize(
    "pairs",
    [
        None,
        {},
        PAIRS[:2],
        [*PAIRS, {"question": "What more?", "answer": "This."}],
        [PAIRS[0], PAIRS[0], PAIRS[1]],
        [*PAIRS[:2], {"question": "Why?"}],
        [*PAIRS[:2], {"question": "Why?", "answer": ""}],
        [*PAIRS[:2], {"question": " ", "answer": "So."}],
        [*PAIRS[:2], {"question": "How many?", "answer": 3}],
        [*PAIRS[:2], {"question": "Why?", "answer": "So.", "id": "3"}],
        [*PAIRS[:2], "Why? So."],
        [*PAIRS[:2], {"question": "Why?", "answer": "\ud83d"}],
    ],
)
def test_other_pairs_are_refused(pairs: Any) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        parse_pairs(reply(json.dumps({"pairs": pairs})))
    assert caught.value.reason is Reason.WRONG_FIELDS


@settings(max_examples=50, deadline=None)
@given(json_values)
def test_any_json_is_an_answer_or_is_refused(value: Any) -> None:
    for parse in (parse_caption, parse_pairs):
        try:
            parse(reply(json.dumps(value)))
        except InvalidAnswer as error:
            assert error.reason is Reason.WRONG_FIELDS
