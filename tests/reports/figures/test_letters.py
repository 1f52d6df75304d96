"""Letter bias, counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.metrics import letter_shares
from llavaction.evaluation.predictions import Row, Trial
from llavaction.reports.figures.letters import count_letters
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.utils.errors import DataError
from tests.evaluation.rows import choice

RUN = EvaluationFolder(Path("run"))


def shown(number: int, letters: tuple[int | None, ...]) -> Row:
    """A question in all orders, with the letter that was chosen in each."""
    size = len(letters)
    trials = []
    for start, letter in enumerate(letters):
        order = tuple((start + place) % size for place in range(size))
        trials.append(Trial(order, chosen_idx=None if letter is None else order[letter]))
    return choice(number, None, num_options=size, trials=tuple(trials))


def test_by_hand() -> None:
    found = count_letters([shown(0, (0, 0, 1)), shown(1, (2, 0, None))], RUN)

    assert [share.value for share in found.shares] == pytest.approx([3 / 5, 1 / 5, 1 / 5])
    assert found.num_unparseable == 1


LETTERS = st.lists(st.tuples(*[st.one_of(st.none(), st.integers(0, 2))] * 3), min_size=1, max_size=6)


@given(LETTERS.filter(lambda rows: any(letter is not None for row in rows for letter in row)))
def test_shares_are_those_of_the_metrics_and_add_up(letters: list[tuple[int | None, ...]]) -> None:
    rows = [shown(number, of_row) for number, of_row in enumerate(letters)]
    shares = [share.value for share in count_letters(rows, RUN).shares]

    assert shares == pytest.approx(letter_shares(rows).tolist())
    assert sum(shares) == pytest.approx(1)


def test_a_model_that_always_is_right_has_no_bias() -> None:
    rows = [shown(number, (0, 2, 1)) for number in range(4)]

    assert [share.value for share in count_letters(rows, RUN).shares] == pytest.approx([1 / 3] * 3)


def test_questions_without_an_answer_are_left_out() -> None:
    rows = [shown(0, (1, 1, 1)), replace(choice(1, None, num_options=3), excluded="no video")]

    assert count_letters(rows, RUN).shares[1].num_rows == 3


def test_different_numbers_of_options_are_refused() -> None:
    with pytest.raises(DataError, match=r"questions with \[2, 3\] options"):
        count_letters([shown(0, (0, 1, 2)), shown(1, (0, 1))], RUN)


def test_answers_that_cannot_be_read_at_all_are_refused() -> None:
    with pytest.raises(DataError, match="no answer could be read"):
        count_letters([shown(0, (None, None))], RUN)
