from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.sft.annotator.costs import (
    BudgetError,
    Spending,
    Tokens,
    estimate_input,
    image_tokens,
    text_tokens,
)
from llavaction.sft.annotator.questions import ask_caption, ask_pairs
from tests.sft.annotator.worlds import SEGMENTS, make_config, reply

PRICES = {"input_price": 2.0, "output_price": 10.0, "max_output_tokens": 100}


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2)])
def test_four_characters_are_a_token(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


# 910 x 512 touches two tiles; 1365 x 768 touches 3 x 2, and so does everything larger.
@pytest.mark.parametrize(("short_side", "tiles"), [(256, 1), (288, 1), (512, 2), (768, 6), (1080, 6)])
def test_a_frame_costs_by_its_tiles(short_side: int, tiles: int) -> None:
    assert image_tokens(short_side) == 85 + 170 * tiles


def test_a_request_is_its_words_and_frames(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    words = text_tokens(config.prompt.system)
    caption, pairs = ask_caption(config, SEGMENTS[0], ["aa"] * 4), ask_pairs(config, SEGMENTS[0], "I do.")

    text = caption.messages[1]["content"][-1]["text"]
    assert estimate_input(caption, 512) == words + text_tokens(text) + 4 * image_tokens(512)
    assert estimate_input(pairs, 512) == words + text_tokens(pairs.messages[1]["content"])


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
    first, _ = spending.set_aside(500), spending.set_aside(500)

    assert first == pytest.approx(0.002)
    with pytest.raises(BudgetError, match=r"budget = 0\.005"):
        spending.set_aside(500)
    spending.give_back(first)
    spending.count(reply("x", input_tokens=500, output_tokens=0), 500)
    spending.set_aside(500)


def test_without_prices_nothing_is_refused(tmp_path: Path) -> None:
    assert Spending(make_config(tmp_path)).set_aside(10**12) == 0.0


def test_estimates_that_were_too_low_are_corrected(tmp_path: Path) -> None:
    spending = Spending(make_config(tmp_path, **PRICES))
    before = spending.set_aside(1000)
    spending.count(reply("x", input_tokens=3000, output_tokens=1), input_tokens=1000)
    spending.count(reply("x", input_tokens=500, output_tokens=1), input_tokens=1000)

    assert (before, spending.set_aside(1000)) == pytest.approx((0.003, 0.007))
