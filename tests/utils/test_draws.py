from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from llavaction.utils.draws import Draws, draws_for

seeds = st.integers(min_value=0, max_value=2**64 - 1)


def test_known_draws() -> None:
    # The first outputs of SplitMix64 for seed 1234567, as published with its reference implementation.
    draws = Draws(1234567)
    assert [draws.bits() for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(seeds, st.integers(min_value=1, max_value=10**9))
def test_below_stays_below(seed: int, bound: int) -> None:
    draws = Draws(seed)
    assert all(0 <= draws.below(bound) < bound for _ in range(20))
    assert 0 <= draws.uniform() < 1


@given(seeds, st.lists(st.integers()))
def test_shuffling_keeps_the_items(seed: int, items: list[int]) -> None:
    assert sorted(Draws(seed).shuffled(items)) == sorted(items)


def test_every_order_is_as_likely() -> None:
    counts = Counter(tuple(draws_for(0, "order", number).shuffled("abc")) for number in range(6000))
    assert len(counts) == 6
    assert all(900 < count < 1100 for count in counts.values())


def test_an_item_has_its_own_draws() -> None:
    assert draws_for(0, "a").bits() == draws_for(0, "a").bits()
    assert len({draws_for(seed, key).bits() for seed in (0, 1) for key in ("a", "b")}) == 4
