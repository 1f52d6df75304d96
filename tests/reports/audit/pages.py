"""HTML as a tree, and a page whose texts try to break out of it."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from llavaction.reports.audit.frames import Frame, Strip
from llavaction.reports.audit.page import render_page
from llavaction.reports.audit.questions import Question
from llavaction.sft.samples import PriorAction, Sample
from tests.reports.audit.conftest import sample

EVIL = "</script><script>alert(1)</script><img src=x onerror='alert(2)'>\"&amp;"
HOSTILE = [EVIL, '=HYPERLINK("http://x")', "<!-- -->", "a, \"b\"; 'c'", "naïve – é\u2028"]
_VOID = {"meta", "img", "input", "br"}


class Tree(HTMLParser):
    """A page as nested `[tag, attributes, children]`; complains about tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root: list[Any] = ["#document", {}, []]
        self._open = [self.root]
        self.feed(html)
        self.close()
        assert self._open == [self.root], f"open at the end: {[element[0] for element in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        element = [tag, {name: value or "" for name, value in attrs}, []]
        self._open[-1][2].append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self._open[-1][2].append(data)

    def find(self, tag: str = "", **attributes: str) -> list[Any]:
        """The elements of a tag with these attributes; `class_` is one class among several."""
        name = attributes.pop("class_", "")
        return [
            element
            for element in _below(self.root)
            if (not tag or element[0] == tag)
            and (not name or name in element[1].get("class", "").split())
            and attributes.items() <= element[1].items()
        ]


def text_of(element: list[Any]) -> str:
    """All text in an element."""
    return "".join(child if isinstance(child, str) else text_of(child) for child in element[2])


def hostile_sample() -> Sample:
    """A question whose every text is an attack on the page or on a spreadsheet."""
    made = sample(1, texts=HOSTILE, prior=(PriorAction("p", EVIL, 2.0),))
    return replace(made, sample_id=f"mqa/s/{EVIL}", segment_id=EVIL)


def page_of(questions: list[Question]) -> str:
    """The page, every question with two pictures save the last, which has none."""
    strip = Strip((Frame(b"\xff\xd8one", 0.25), Frame(b"\xff\xd8two", 1.5)))
    return render_page(questions, [strip] * (len(questions) - 1) + [Strip(note=f"lost & {EVIL}")])


def _below(element: list[Any]) -> list[Any]:
    return [found for child in element[2] if isinstance(child, list) for found in [child, *_below(child)]]
