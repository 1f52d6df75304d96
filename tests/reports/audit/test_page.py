"""What stands on the page, that it needs nothing beside it, and that data stays data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable

import pytest

from llavaction.reports.audit.questions import Question, read_questions
from llavaction.reports.audit.sheet import COLUMNS, Verdict, blank_rows, cells_of
from tests.reports.audit.conftest import TEXTS
from tests.reports.audit.pages import EVIL, HOSTILE, Tree, hostile_sample, page_of, text_of


@pytest.fixture
def tree(questions: list[Question]) -> Tree:
    return Tree(page_of(questions))


@pytest.fixture
def hostile(write_folder: Callable[..., str]) -> list[Question]:
    return list(read_questions([write_folder([hostile_sample()])]).values())


def test_each_question_shows_its_options_in_order(tree: Tree) -> None:
    sections = tree.find("section", class_="question")

    assert len(sections) == 3
    for number, section in enumerate(sections):
        inner = Tree("")
        inner.root = section
        texts = [element[2][0] for element in inner.find("span", class_="text")]
        (right,) = inner.find(class_="answer")
        assert texts == TEXTS
        assert (
            text_of(right)
            == f"{'ABC'[number]}{TEXTS[number]}class: {['take plate', 'take cup', 'put plate'][number]}✓ the answer"
        )
        assert len(inner.find("input", type="radio")) == 4 * len(Verdict)
        assert f"Question {number + 1} of 3P01_01_{number} · " in text_of(inner.find("h2")[0])


def test_distractors_are_numbered_like_the_rows_of_the_sheet(tree: Tree, questions: list[Question]) -> None:
    blocks = tree.find(class_="distractor")
    sheet = json.loads(text_of(tree.find("script", id="sheet")[0]))

    assert [block[1]["data-row"] for block in blocks] == [str(row) for row in range(12)]
    assert [block[1]["aria-label"] for block in blocks] == [row.distractor for row in blank_rows(questions)]
    assert sheet["columns"] == list(COLUMNS)
    assert sheet["rows"] == [cells_of(row) for row in blank_rows(questions)]
    assert sheet["verdicts"] == ["valid", "also_correct", "unclear"]


def test_facts_of_a_distractor(tree: Tree) -> None:
    texts = [text_of(element) for element in tree.find("span", class_="text")]

    # The second question, whose answer is "grab cup".
    assert texts[5:10] == [
        "take plateclass: take platesame verb",
        "grab cupclass: take cup",
        "put plateclass: put plate",
        "put down cupclass: put cupsame noun",
        "rinse plateclass: wash plate",
    ]


def test_the_strategy_is_not_shown_to_the_rater(tree: Tree) -> None:
    assert "specialist" not in text_of(tree.find("main")[0])


def test_earlier_actions_are_shown(tree: Tree) -> None:
    assert [text_of(element) for element in tree.find(class_="prior")] == [
        "Told in the question: open <tap> (4.2 s before)"
    ]


def test_frames_with_their_times_or_the_reason(tree: Tree) -> None:
    pictures = [element[1]["src"] for element in tree.find("img")]

    assert len(pictures) == 4
    assert base64.b64decode(pictures[0].removeprefix("data:image/jpeg;base64,")) == b"\xff\xd8one"
    assert [text_of(element) for element in tree.find("figcaption")] == ["0.2 s", "1.5 s"] * 2
    assert f"No frames: lost & {EVIL}" in [text_of(element) for element in tree.find("p", class_="note")]
    assert [text_of(element) for element in tree.find(class_="failures")] == [
        "Without frames: 1 of 3 questions3 (P01_01_2)"
    ]


def test_nothing_is_fetched(questions: list[Question]) -> None:
    html = page_of(questions)
    tree = Tree(html)
    addresses = [value for element in tree.find() for name, value in element[1].items() if name in ("src", "href")]

    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    assert not re.search(r"https?:|@import|url\(|//[a-z]", html)


def test_the_policy_allows_only_what_is_on_the_page(tree: Tree) -> None:
    (policy,) = [meta[1]["content"] for meta in tree.find("meta") if meta[1].get("http-equiv")]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    (script,) = [element for element in tree.find("script") if not element[1]]
    (style,) = tree.find("style")

    for element, rule in ((script, "script-src"), (style, "style-src")):
        digest = base64.b64encode(hashlib.sha256(text_of(element).encode()).digest()).decode()
        assert rules.pop(rule) == f"'sha256-{digest}'"
    assert rules == {"default-src": "'none'", "img-src": "data:"}
    # What the policy forbids, the page does not use.
    assert not [element for element in tree.find() if any(n == "style" or n.startswith("on") for n in element[1])]


def test_texts_cannot_leave_their_place(questions: list[Question], hostile: list[Question]) -> None:
    usual, attacked = Tree(page_of(questions[1:2])), Tree(page_of(hostile))

    assert [(element[0], *element[1]) for element in attacked.find()] == [
        (element[0], *element[1]) for element in usual.find()
    ]
    assert [element[2][0] for element in attacked.find("span", class_="text")] == HOSTILE
    sheet = json.loads(text_of(attacked.find("script", id="sheet")[0]))
    assert sheet["rows"][0][:2] == [f"mqa/s/{EVIL}", EVIL]
    assert sheet["rows"][0][3] == "'" + HOSTILE[1]


def test_what_the_browser_keeps_is_of_one_drawing(questions: list[Question]) -> None:
    def storage(chosen: list[Question]) -> str:
        return str(json.loads(text_of(Tree(page_of(chosen)).find("script", id="sheet")[0]))["storage"])

    assert len({storage(questions), storage(questions[:2]), storage(questions[::-1])}) == 3
