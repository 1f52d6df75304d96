"""Which option a written answer means."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.parsing import parse_choice, parse_span
from tests.properties import reproducible

OPTIONS = ["cut onion", "take plate", "put down plate", "plate", "open drawer"]

WORDS = st.text(string.ascii_letters, min_size=1, max_size=8)
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
OPTION_LISTS = st.lists(TEXTS, min_size=2, max_size=26, unique=True)


@pytest.mark.parametrize(
    "text",
    [
        "B. take plate",
        "B) take plate",
        "(B) take plate",
        "B: take plate",
        "B - take plate",
        "B, take plate",
        "B take plate",
        "B\ntake plate",
        "**B**. take plate",
        '"B"',
        "B",
        "B.",
        "(b)",
        "b. Take plate",
        " \n B.",
        "The answer is B",
        "The answer is B.",
        "the answer is (B).",
        "The correct option is B: take plate",
        "Answer: B",
        "Answer:\nB. take plate",
        "Option B",
        "The answer is option B, as the plate is lifted.",
        "B. The person takes a plate from the table.",
        "take plate",
        "Take plate.",
        "I think it is: take  plate!",
        "I would say that I take plate.",
        "F. take plate",
        "The answer is Z: take plate",
        "B.take plate",
        "A. cut onion\nB. take plate\nThe answer is B.",
    ],
)
def test_texts_that_mean_the_second_option(text: str) -> None:
    assert parse_choice(text, OPTIONS) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "...",
        "no idea",
        "take a cup",
        "retake plates",
        "cut onion or take plate",
        "A or B",
        "A, B",
        "A and B",
        "A, or B",
        "B or C",
        "The answer is A or B.",
        "A. cut onion\nB. take plate",
        "A. take plate\nB. something else",
        "F",
        "The answer is F.",
        "e.g. something else",
    ],
)
def test_texts_that_mean_no_option_or_several(text: str) -> None:
    assert parse_choice(text, OPTIONS) is None


@pytest.mark.parametrize(
    ("text", "idx"),
    [
        ("A person is cutting an onion", None),
        ("A person: take plate", 1),
        ("a person opens the drawer", None),
        ("The answer is A person with a knife", None),
        ("A-frame", None),
        ("A's", None),
        ("A cut onion", 0),
        ("A. person is cutting an onion", 0),
        ("The answer is A cut onion", 0),
        ("The answer is A.", 0),
        ("a", 0),
    ],
)
def test_an_article_is_no_letter(text: str, idx: int | None) -> None:
    assert parse_choice(text, OPTIONS) == idx


def test_a_pronoun_is_no_letter() -> None:
    options = [f"take {name}" for name in ("cup", "pan", "pot", "lid", "bowl", "egg", "fork", "tap", "rag")]

    assert parse_choice("I lift the pan", options) is None
    assert parse_choice("I. take rag", options) == 8


@pytest.mark.parametrize(
    ("text", "idx"), [("put down plate", 2), ("the plate", 3), ("put down plate, open drawer", None)]
)
def test_an_option_inside_another_counts_only_alone(text: str, idx: int | None) -> None:
    assert parse_choice(text, OPTIONS) == idx


def test_the_letter_goes_before_the_text() -> None:
    assert parse_choice("E. take plate", OPTIONS) == 4


def test_options_that_read_the_same_are_not_told_apart_by_their_text() -> None:
    assert parse_choice("take plate", ["take plate", "Take plate!"]) is None
    assert parse_choice("B", ["take plate", "Take plate!"]) == 1


@reproducible
@given(OPTION_LISTS, st.data())
def test_the_form_that_training_teaches_is_always_understood(options: list[str], data: st.DataObject) -> None:
    idx = data.draw(st.integers(0, len(options) - 1))

    assert parse_choice(f"{string.ascii_uppercase[idx]}. {options[idx]}", options) == idx


@reproducible
@given(st.text(), OPTION_LISTS)
def test_any_text_is_one_option_or_none(text: str, options: list[str]) -> None:
    idx = parse_choice(text, options)

    assert idx is None or 0 <= idx < len(options)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0.37 to 1.85", (0.37, 1.85)),
        ("From 0.37 s to 1.85 s.", (0.37, 1.85)),
        ("0.37-1.85", (0.37, 1.85)),
        ("0.37 – 1.85 seconds", (0.37, 1.85)),
        ("I start at 1 second and stop at 2.5 seconds", (1.0, 2.5)),
        ("Start: 1\nStop: 2", (1.0, 2.0)),
        ("The 3 cups move from 1 to 2.", (1.0, 2.0)),
        ("1.00 to 2.00\n1.00 to 2.00", (1.0, 2.0)),
        ("1.00 to 2.00, or 1.00 to 3.00", None),
        ("2 to 1", None),
        ("1 to 1", None),
        ("after 3 seconds", None),
        ("1, 2 and 3 and 4", None),
        ("", None),
    ],
)
def test_a_stretch_of_time_is_read_where_it_is_clear(text, span):
    assert parse_span(text) == span
