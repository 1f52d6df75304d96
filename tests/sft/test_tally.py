from __future__ import annotations

from llavaction.sft.distractors.validity import DropReason
from llavaction.sft.tally import Tally


def test_counts_of_several_processes_add_up() -> None:
    first, second = Tally(), Tally()
    first.count("letters", "A")
    first.count("dropped", DropReason.SYNONYM, 2)
    second.count("letters", "B")
    second.count("letters", "A", 3)
    first.add(second)
    assert first.of("letters") == {"A": 4, "B": 1}
    assert first.of("dropped") == {"synonym": 2}
    assert second.of("letters") == {"A": 3, "B": 1}


def test_a_row_has_the_topics_asked_for_that_have_counts() -> None:
    tally = Tally()
    for letter in "CAB":
        tally.count("letters", letter)
    tally.count("similarity", 0.5)
    row = tally.to_row(("dropped", "letters"))
    assert row == {"letters": {"A": 1, "B": 1, "C": 1}}
    assert list(row["letters"]) == ["A", "B", "C"]
