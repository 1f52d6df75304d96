from __future__ import annotations

from llavaction.utils.enums import StrEnum
from llavaction.utils.plain import plain


class Word(StrEnum):
    ONE = "one"


def test_words_and_tuples_become_plain_at_any_depth() -> None:
    made = plain({Word.ONE: (Word.ONE, {"deep": [Word.ONE, 1, None, 0.5, True]})})
    assert made == {"one": ["one", {"deep": ["one", 1, None, 0.5, True]}]}
    assert type(made["one"][0]) is str
