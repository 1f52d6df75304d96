from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.api.costs import (
    BudgetError,
    Spending,
    Tokens,
    estimate_input,
    image_tokens,
    text_tokens,
    tokens_of_frame,
)
from llavaction.api.requests import chat_request, frame_parts, text_part
from tests.api.worlds import make_config, reply

ASKED = Tokens(500, 100)
PRICES = {"input_price": 2.0, "output_price": 10.0}


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2)])
def test_four_characters_are_a_token(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


# 910 x 512 touches two tiles; 1365 x 768 touches 3 x 2, and so does everything larger.
@pytest.mark.parametrize(("short_side", "tiles"), [(256, 1), (288, 1), (512, 2), (768, 6), (1080, 6)])
def test_a_frame_costs_by_its_tiles(short_side: int, tiles: int) -> None:
    assert image_tokens(short_side) == 85 + 170 * tiles


def test_a_request_is_its_words_and_frames(tmp_path: Path) -> None:
    messages = [
        {"role": "system", "content": "Be honest."},
        {"role": "user", "content": [*frame_parts(["aa"] * 4), text_part("What is it?")]},
    ]
    request = chat_request(make_config(tmp_path), messages, 100, None)

    assert estimate_input(request, 7) == text_tokens("Be honest.") + text_tokens("What is it?") + 4 * 7


def test_a_frame_counts_as_the_config_says(tmp_path: Path) -> None:
    assert tokens_of_frame(make_config(tmp_path, short_side=256)) == image_tokens(256)
    assert tokens_of_frame(make_config(tmp_path, frame_tokens=9)) == 9


def test_money_is_tokens_by_price(tmp_path: Path) -> None:
    spending = Spending(make_config(tmp_path, **PRICES))
    spending.count(reply("x", input_tokens=1_000_000, output_tokens=200_000), input_tokens=5)

    assert spending.tokens == Tokens(1_000_000, 200_000)
    assert spending.money == pytest.approx(2.0 + 2.0)
    assert spending.num_uncounted == 0


def test_tokens_that_are_not_counted_are_estimated(tmp_path: Path) -> None:
    spending = Spending(make_config(tmp_path))
    spending.count(reply("12345678"), input_tokens=70)

    assert (spending.tokens, spending.num_uncounted) == (Tokens(70, 2), 1)
    assert spending.money is None


def test_requests_in_flight_stay_within_the_budget(tmp_path: Path) -> None:
    # A request of 500 tokens may cost 0.001 + 0.001.
    spending = Spending(make_config(tmp_path, **PRICES, budget=0.005))
    first, _ = spending.set_aside(ASKED), spending.set_aside(ASKED)

    assert first == pytest.approx(0.002)
    with pytest.raises(BudgetError, match=r"budget = 0\.005"):
        spending.set_aside(ASKED)
    spending.give_back(first)
    spending.count(reply("x", input_tokens=500, output_tokens=0), 500)
    spending.set_aside(ASKED)


def test_without_prices_nothing_is_refused(tmp_path: Path) -> None:
    assert Spending(make_config(tmp_path)).set_aside(Tokens(10**12, 1)) == 0.0


def test_estimates_that_were_too_low_are_corrected(tmp_path: Path) -> None:
    spending = Spending(make_config(tmp_path, **PRICES))
    before = spending.set_aside(Tokens(1000, 100))
    spending.count(reply("x", input_tokens=3000, output_tokens=1), input_tokens=1000)
    spending.count(reply("x", input_tokens=500, output_tokens=1), input_tokens=1000)

    assert (before, spending.set_aside(Tokens(1000, 100))) == pytest.approx((0.003, 0.007))
