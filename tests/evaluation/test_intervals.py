"""Intervals against published and theoretical ones, and what they must not depend on."""

from __future__ import annotations

import math
import time
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.intervals import (
    Estimate,
    draw_clusters,
    estimate_mean,
    estimate_statistic,
    ratio_interval,
    share_interval,
    wilson_interval,
)
from llavaction.utils.errors import DataError
from tests.properties import reproducible

CLUSTERED = st.lists(st.tuples(st.booleans(), st.sampled_from("abcdefgh")), min_size=1, max_size=30)


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None and estimate.high is not None
    return estimate.low, estimate.high


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    # Newcombe 1998, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(count: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(count, total) == pytest.approx((low, high), abs=5e-5)
    assert wilson_interval(total - count, total) == pytest.approx((1 - high, 1 - low), abs=5e-5)


@reproducible
@given(CLUSTERED, st.randoms(use_true_random=False))
def test_a_share_lies_in_its_interval_whatever_the_order_of_rows(rows: list[tuple[bool, str]], random: Random) -> None:
    values, clusters = np.array([value for value, _ in rows]), [cluster for _, cluster in rows]
    estimate = estimate_mean(values, clusters, 0, "x")
    order = list(range(len(rows)))
    random.shuffle(order)

    low, high = ends(estimate)
    assert 0 <= low <= estimate.value <= high <= 1
    assert low < high
    assert estimate.value == pytest.approx(values.mean())
    assert estimate == estimate_mean(values[order], [clusters[number] for number in order], 0, "x")
    assert (estimate.num_rows, estimate.num_clusters) == (len(rows), len(set(clusters)))


@reproducible
@given(st.lists(st.tuples(st.floats(-5, 5), st.sampled_from("abcdefgh")), min_size=2, max_size=30))
def test_a_mean_lies_in_its_interval_whatever_the_order_of_rows(rows: list[tuple[float, str]]) -> None:
    values, clusters = np.array([value for value, _ in rows]), [cluster for _, cluster in rows]
    estimate = estimate_mean(values, clusters, 0, "x")

    if estimate.low is not None:
        low, high = ends(estimate)
        assert low <= estimate.value + 1e-9 and estimate.value - 1e-9 <= high
    assert estimate == estimate_mean(values[::-1], clusters[::-1], 0, "x")


def test_rows_of_one_cluster_count_as_one_where_they_go_together() -> None:
    right = np.repeat([True] * 40 + [False] * 360, 5)
    together = estimate_mean(right, [str(row // 5) for row in range(2000)], 0, "x")
    alone = estimate_mean(right, [str(row) for row in range(2000)], 0, "x")

    # Draws are Binomial(400, 0.1) / 400 and Binomial(2000, 0.1) / 2000, whose 2.5 % and 97.5 % points are these.
    assert ends(together) == pytest.approx((0.0725, 0.13), abs=0.003)
    assert ends(alone) == pytest.approx((0.087, 0.1135), abs=0.002)


def test_the_width_is_what_theory_says() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(20, 150, size=138)
    means = rng.beta(6, 4, size=138)
    clusters = np.repeat(np.arange(138), sizes).astype(str).tolist()
    right = rng.random(sizes.sum()) < np.repeat(means, sizes)
    estimate = estimate_mean(right, clusters, 0, "x")

    # Ratio estimator (Cochran 1977, section 6.3): the spread of what each cluster has more than its share.
    rest = np.array([(right[start : start + size] - estimate.value).sum() for start, size in _runs(sizes)])
    error = math.sqrt((rest**2).sum()) / sizes.sum()
    low, high = ends(estimate)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.06)


def _runs(sizes: np.ndarray) -> list[tuple[int, int]]:
    return list(zip((np.cumsum(sizes) - sizes).tolist(), sizes.tolist(), strict=True))


@pytest.mark.parametrize(("right", "value"), [(True, 1.0), (False, 0.0)])
def test_all_right_and_all_wrong_are_not_certain(right: bool, value: float) -> None:
    estimate = estimate_mean(np.full(500, right), [str(row // 5) for row in range(500)], 0, "x")

    assert estimate.value == value
    assert ends(estimate) == pytest.approx(wilson_interval(100 * value, 100))


def test_equal_clusters_say_no_more_than_as_many_rows() -> None:
    assert share_interval(np.array([1, 2, 1]), np.array([4, 8, 4]), 0, "x") == wilson_interval(0.75, 3)
    assert share_interval(np.array([1]), np.array([4]), 0, "x") == wilson_interval(0.25, 1)


def test_numbers_without_spread_have_no_interval() -> None:
    estimate = estimate_mean(np.full(30, 0.1), [str(row % 7) for row in range(30)], 0, "x")

    assert estimate == Estimate(0.1, None, None, 30, 7)
    assert ratio_interval(np.array([3.0]), np.array([5.0]), 0, "x") is None


def test_the_interval_depends_on_seed_and_name_alone() -> None:
    rng = np.random.default_rng(0)
    values, clusters = rng.random(300) < 0.4, rng.integers(0, 90, size=300).astype(str).tolist()

    first = estimate_mean(values, clusters, 3, "x")
    assert first == estimate_mean(values, clusters, 3, "x")
    assert first == estimate_mean(values, [f"{int(name) * 7:04}" for name in clusters], 3, "x")
    for other in (estimate_mean(values, clusters, 4, "x"), estimate_mean(values, clusters, 3, "y")):
        assert ends(other) != ends(first)
        assert ends(other) == pytest.approx(ends(first), abs=0.02)


def test_the_draws_are_these_on_every_machine() -> None:
    assert draw_clusters(np.array([1, 1, 2]), 4, 0, "pinned").tolist() == [[1, 1, 2], [1, 2, 1], [0, 1, 3], [0, 0, 4]]
    assert draw_clusters(np.ones(5), 3, 1, "pinned", "b").tolist() == [
        [1, 2, 1, 1, 0],
        [1, 1, 3, 0, 0],
        [1, 4, 0, 0, 0],
    ]


def test_a_statistic_that_is_a_mean_has_the_interval_of_a_mean() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(300) < 0.4
    clusters = [f"v{row}" for row in rng.integers(0, 30, size=300)]
    mean = estimate_mean(values, clusters, 0, "x")
    statistic = estimate_statistic(lambda rows: float(values[rows].mean()), clusters, 0, "y")

    assert statistic.value == pytest.approx(mean.value)
    assert ends(statistic) == pytest.approx(ends(mean), abs=0.01)
    assert (statistic.num_rows, statistic.num_clusters) == (300, 30)


def test_a_statistic_sees_whole_clusters() -> None:
    clusters = list("aabbbc")
    seen: list[list[int]] = []

    def remember(rows: np.ndarray) -> float:
        seen.append(np.bincount(rows, minlength=6).tolist())
        return float(rows.sum())

    estimate_statistic(remember, clusters, 0, "x")
    for times in seen:
        assert times[0] == times[1] and times[2] == times[3] == times[4]
        assert times[0] + times[2] + times[5] == 3
    assert seen[-1] == [1] * 6


def test_a_constant_statistic_has_no_interval() -> None:
    assert estimate_statistic(lambda rows: 2.5, list("abc"), 0, "x") == Estimate(2.5, None, None, 3, 3)


def test_what_cannot_be_estimated_is_an_error() -> None:
    with pytest.raises(DataError, match="0 values in 0 clusters"):
        estimate_mean(np.array([]), [], 0, "x")
    with pytest.raises(DataError, match="2 values in 3 clusters"):
        estimate_mean(np.ones(2), list("abc"), 0, "x")
    with pytest.raises(DataError, match="tail noun: 1 values are NaN or infinite"):
        estimate_mean(np.array([1.0, np.nan]), list("ab"), 0, "tail", "noun")
    with pytest.raises(DataError, match=r"median: NaN or infinite in \d+ of the draws"):
        estimate_statistic(lambda rows: math.nan if (rows == 0).all() else 1.0, list("ab"), 0, "median")


def test_ten_thousand_rows_are_quick() -> None:
    rng = np.random.default_rng(0)
    videos = [f"v{number}" for number in rng.integers(0, 138, size=9668)]
    right = rng.random(9668) < 0.6

    started = time.process_time()
    estimate_mean(right, videos, 0, "x")
    estimate_statistic(lambda rows: float(right[rows].mean()), videos, 0, "x")
    assert time.process_time() - started < 1
