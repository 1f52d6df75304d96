"""Stretches of layers that heat maps are averaged over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.reports.attention.layers import choose_layers, layer_words, thirds
from llavaction.utils.errors import ConfigError
from tests.properties import reproducible


@pytest.mark.parametrize(
    ("first", "last", "stretch"),
    [(None, None, (1, 24)), (9, None, (9, 24)), (None, 8, (1, 8)), (5, 5, (5, 5)), (1, 24, (1, 24))],
)
def test_what_is_not_said_is_the_end(first, last, stretch):
    assert choose_layers(24, first, last, "mine") == stretch


@pytest.mark.parametrize(("first", "last"), [(25, None), (None, 25), (3, 2)])
def test_layers_that_are_not_there_are_refused(first, last):
    with pytest.raises(ConfigError, match=f"first_layer = {first}, last_layer = {last}: mine has the layers 1 to 24"):
        choose_layers(24, first, last, "mine")


@reproducible
@given(st.integers(3, 100))
def test_thirds_are_all_layers_once_and_nearly_equal(num_layers):
    parts = thirds(num_layers)
    layers = [layer for first, last in parts for layer in range(first, last + 1)]
    assert layers == list(range(1, num_layers + 1))
    sizes = [last - first + 1 for first, last in parts]
    assert len(parts) == 3 and max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("num_layers", [1, 2])
def test_two_layers_have_no_thirds(num_layers):
    assert thirds(num_layers) == []


def test_words():
    assert layer_words((1, 24), 24) == "all layers"
    assert layer_words((9, 16), 24) == "layers 9–16"
    assert layer_words((2, 2), 24) == "layer 2"
    assert layer_words((1, 1), 1) == "all layers"
