"""Likenesses against all pairs, spelled out."""

from __future__ import annotations

import math
from itertools import combinations, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.attention.likeness import measure_likeness
from llavaction.evaluation.attention.records import LIKENESSES
from llavaction.utils.errors import DataError
from tests.properties import reproducible


def spelled_out(states, visual, text):
    def cosine(one, other):
        return float(torch.nn.functional.cosine_similarity(states[one].double(), states[other].double(), dim=0))

    def mean(pairs):
        values = [cosine(*pair) for pair in pairs]
        return sum(values) / len(values)

    units = states.double() / states.double().norm(dim=1, keepdim=True)
    gap = float((units[visual].mean(0) - units[text].mean(0)).norm())
    return [mean(product(visual, text)), mean(combinations(visual, 2)), mean(combinations(text, 2)), gap]


@reproducible
@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 6), st.sampled_from([2, 5, 33]))
def test_means_over_all_pairs(seed, num_visual, num_text, width):
    states = torch.randn(3 + num_visual + num_text, width, generator=torch.Generator().manual_seed(seed)) * 7 + 1
    visual, text = list(range(1, num_visual + 1)), list(range(num_visual + 3, num_visual + 3 + num_text))
    found = measure_likeness(states, visual, text)
    assert found.tolist() == pytest.approx(spelled_out(states, visual, text), abs=1e-9)
    assert len(found) == len(LIKENESSES)


def test_known_directions():
    # Visual tokens point east, text ones north and north-east; lengths do not matter.
    states = torch.tensor([[1.0, 0.0], [5.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    cross, visual, text, gap = measure_likeness(states, [0, 1], [2, 3]).tolist()
    half = math.sqrt(0.5)
    assert cross == pytest.approx(half / 2)
    assert visual == pytest.approx(1)
    assert text == pytest.approx(half)
    assert gap == pytest.approx(math.hypot(1 - half / 2, (1 + half) / 2))


def test_one_group_seen_twice_has_no_gap():
    states = torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).repeat(2, 1)
    assert measure_likeness(states, [0, 1, 2, 3], [4, 5, 6, 7])[3] == pytest.approx(0, abs=1e-12)


def test_half_precision_is_averaged_in_full():
    states = torch.randn(3000, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    visual, text = list(range(2990)), list(range(2990, 3000))
    assert measure_likeness(states, visual, text).tolist() == pytest.approx(
        measure_likeness(states.double(), visual, text).tolist(), abs=1e-12
    )


@pytest.mark.parametrize(("visual", "text"), [([0], [1, 2]), ([0, 1], [2])])
def test_single_tokens_have_no_pairs(visual, text):
    with pytest.raises(DataError, match=f"{len(visual)} visual and {len(text)} text tokens"):
        measure_likeness(torch.randn(3, 4), visual, text)
