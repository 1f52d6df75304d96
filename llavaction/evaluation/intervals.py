"""Values with 95 % intervals from a bootstrap over clusters: the questions of one video hang together.

One kitchen, one light and one cook are easy or hard for all segments of a video, so an interval that counts segments as
independent is too narrow. Whole clusters are drawn instead, with replacement, as many as there are; the 2.5 % and
97.5 % points of the value over the draws are the ends of the interval (percentile interval, Efron and Tibshirani 1993,
chapters 8 and 13). With fewer than about 20 clusters such intervals are themselves too narrow: `num_clusters` stands
beside each value.

Draws depend on a seed and the value's name alone, and not on the order of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from llavaction.utils.errors import DataError
from llavaction.utils.seeding import rng_for

NUM_RESAMPLES = 2_000
"""Bootstrap samples; the ends of an interval then vary by about 1.5 % of its width from seed to seed."""
ENDS = (0.025, 0.975)
_Z = 1.959963984540054
"""The normal distribution's 97.5 % point."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A value, the ends of its 95 % interval, and what it rests on.

    Attributes:
        low, high: None where the rows cannot tell: every draw of clusters gives the same value.
    """

    value: float
    low: float | None
    high: float | None
    num_rows: int
    num_clusters: int


def estimate_mean(
    values: np.ndarray, clusters: Sequence[str], seed: int, *name: str | int, num_resamples: int = NUM_RESAMPLES
) -> Estimate:
    """The mean of `values` `[N]`.

    Args:
        values: bool for a share, whose interval is then never without width (see `share_interval`), or numbers.
        clusters: N names, such as video ids.
        name: of the value; with `seed` it decides the draws.

    Raises:
        DataError: for no values, a value that is not finite, or another number of clusters.
    """
    codes = _codes(len(values), clusters)
    if not np.isfinite(values).all():
        raise DataError(f"{' '.join(map(str, name))}: {(~np.isfinite(values)).sum()} values are NaN or infinite")
    # In a fixed order, so that sums are the same to the last bit whatever the order of rows.
    order = np.lexsort((values, codes))
    sums = np.bincount(codes[order], weights=values[order])
    totals = np.bincount(codes)
    interval_of = share_interval if values.dtype == bool else ratio_interval
    low, high = interval_of(sums, totals, seed, *name, num_resamples=num_resamples) or (None, None)
    return Estimate(math.fsum(values) / len(values), low, high, len(values), len(totals))


def estimate_statistic(
    statistic: Callable[[np.ndarray], float], clusters: Sequence[str], seed: int, *name: str | int
) -> Estimate:
    """Any value computed from rows.

    Args:
        statistic: the value of some rows, given their indices; a row that is drawn twice stands in them twice.
        clusters: N names, one for each row.
        name: of the value; with `seed` it decides the draws.

    Raises:
        DataError: for no rows, or when the value of a draw is not finite.
    """
    codes = _codes(len(clusters), clusters)
    rows = np.argsort(codes, kind="stable")
    codes = codes[rows]
    num_clusters = int(codes[-1]) + 1
    times = draw_clusters(np.ones(num_clusters), NUM_RESAMPLES, seed, *name)
    drawn = np.array([statistic(np.repeat(rows, row_times[codes])) for row_times in times])
    if not np.isfinite(drawn).all():
        raise DataError(f"{' '.join(map(str, name))}: NaN or infinite in {(~np.isfinite(drawn)).sum()} of the draws")
    low, high = (None, None) if _all_alike(drawn) else _ends(drawn)
    return Estimate(float(statistic(rows)), low, high, len(rows), num_clusters)


def share_interval(
    counts: np.ndarray, totals: np.ndarray, seed: int, *name: str | int, num_resamples: int = NUM_RESAMPLES
) -> Interval:
    """The interval of a share: `counts` `[C]` of `totals` `[C]` in each cluster.

    Resampling sees no spread where the share is the same in all clusters, as when none or every row counts. There
    Wilson's interval is taken with as many trials as clusters, as if the rows of one cluster were all the same.
    """
    share = float(counts.sum() / totals.sum())
    resampled = ratio_interval(counts, totals, seed, *name, num_resamples=num_resamples)
    return resampled or wilson_interval(share * len(totals), len(totals))


def ratio_interval(
    sums: np.ndarray, totals: np.ndarray, seed: int, *name: str | int, num_resamples: int = NUM_RESAMPLES
) -> Interval | None:
    """The interval of the ratio of the sum of `sums` `[C]` and that of `totals` `[C]`; None without any spread."""
    if _all_alike(sums / totals):
        return None
    # To draw clusters is to draw how often each kind of cluster comes: the same odds, and no order to depend on.
    kinds, sizes = np.unique(np.stack([sums, totals], axis=1), axis=0, return_counts=True)
    drawn = draw_clusters(sizes, num_resamples, seed, *name) @ kinds
    return _ends(drawn[:, 0] / drawn[:, 1])


def draw_clusters(sizes: np.ndarray, num_resamples: int, seed: int, *name: str | int) -> np.ndarray:
    """How often each kind of cluster is drawn, `[num_resamples, kinds]`, where `sizes` clusters are of each kind."""
    num_clusters = int(sizes.sum())
    return rng_for(seed, *name).multinomial(num_clusters, sizes / num_clusters, size=num_resamples)


def wilson_interval(count: float, total: int) -> Interval:
    """Wilson's (1927) 95 % score interval for `count` of `total` independent trials; `total` is 1 or more."""
    share, weight = count / total, _Z**2 / total
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * math.sqrt(share * (1 - share) / total + weight / (4 * total)) / (1 + weight)
    # The share is always inside, which rounding at 0 and 1 must not change.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def _codes(num_rows: int, clusters: Sequence[str]) -> np.ndarray:
    """The number of each row's cluster, by name."""
    if num_rows == 0 or num_rows != len(clusters):
        raise DataError(
            f"{num_rows} values in {len(clusters)} clusters; expected one cluster for each, and one or more"
        )
    return np.unique(np.asarray(clusters), return_inverse=True)[1]


def _ends(drawn: np.ndarray) -> Interval:
    low, high = np.quantile(drawn, ENDS)
    return float(low), float(high)


def _all_alike(values: np.ndarray) -> bool:
    return bool(np.allclose(values, values[0], rtol=1e-12, atol=0))
