"""Pearson's test against a fair draw."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.reports.distractor_stats.letters import balance_letters, chi_square_p
from tests.properties import reproducible


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    # Published tables of critical values.
    [
        (3.841, 1, 0.05),
        (6.635, 1, 0.01),
        (5.991, 2, 0.05),
        (7.815, 3, 0.05),
        (9.488, 4, 0.05),
        (13.277, 4, 0.01),
        (18.467, 4, 0.001),
        (11.070, 5, 0.05),
        (30.144, 19, 0.05),
        (37.652, 25, 0.05),
        (0.711, 4, 0.95),
    ],
)
def test_the_p_value_is_that_of_the_tables(statistic: float, degrees: int, p: float) -> None:
    assert chi_square_p(statistic, degrees) == pytest.approx(p, rel=2e-3)


@reproducible
@given(statistic=st.floats(0.01, 60), degrees=st.integers(1, 25))
def test_the_p_value_is_the_integral_of_the_density(statistic: float, degrees: int) -> None:
    step = 1e-4 * statistic
    slope = (chi_square_p(statistic - step, degrees) - chi_square_p(statistic + step, degrees)) / (2 * step)
    density = (statistic / 2) ** (degrees / 2 - 1) * math.exp(-statistic / 2) / (2 * math.gamma(degrees / 2))

    assert slope == pytest.approx(density, rel=1e-3, abs=1e-9)
    assert chi_square_p(0, degrees) == pytest.approx(1)
    assert chi_square_p(5000, degrees) == 0


def test_balance_of_counts() -> None:
    found = balance_letters([30, 14, 34, 45, 57])

    # (-6)^2 + (-22)^2 + (-2)^2 + 9^2 + 21^2 = 1046
    assert found.counts == (30, 14, 34, 45, 57)
    assert found.chi_square == pytest.approx(1046 / 36)
    assert found.p_value < 1e-5
    assert balance_letters([7, 7, 7]).p_value == pytest.approx(1)
