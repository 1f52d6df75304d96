"""How often the samples of each dataset come in an epoch: by a factor, or by each dataset's share of the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor

from llavaction.processing.limits import draw_ids
from llavaction.utils.errors import ConfigError
from llavaction.utils.seeding import unit_interval


def times_by_repeat(ids: Sequence[str], repeat: float, dataset: str, seed: int) -> list[int]:
    """How often each sample comes; a broken number is drawn for each by itself, whatever other samples there are."""
    whole, part = int(repeat), repeat % 1
    if not part:
        return [whole] * len(ids)
    return [whole + (unit_interval(seed, "mixture", dataset, sample_id) < part) for sample_id in ids]


def times_by_number(ids: Sequence[str], number: int, dataset: str, seed: int) -> list[int]:
    """How often each sample comes for `number` in all: each equally often, and a random part once more."""
    whole, rest = divmod(number, len(ids))
    once_more = draw_ids(ids, rest, seed, "mixture", dataset) if rest else set()
    return [whole + (sample_id in once_more) for sample_id in ids]


def numbers_by_weight(
    weights: Mapping[str, float], available: Mapping[str, int], samples_per_epoch: int | None
) -> dict[str, int]:
    """How many samples of an epoch come from each dataset, in proportion to the weights.

    Args:
        weights: by dataset; their scale does not matter.
        available: different samples of each.
        samples_per_epoch: size of the epoch; None takes the largest in which no sample comes twice, so one dataset is
            used whole and the others in part.

    Raises:
        ConfigError: when a dataset's share is less than one sample.
    """
    exact = {name: Fraction(weight) for name, weight in weights.items()}
    if samples_per_epoch is None:
        scale = min(available[name] / weight for name, weight in exact.items())
    else:
        scale = samples_per_epoch / sum(exact.values(), Fraction(0))
    shares = {name: weight * scale for name, weight in exact.items()}
    numbers = {name: floor(share) for name, share in shares.items()}
    # What rounding down has left over goes to those that lost most by it.
    num_left = floor(sum(shares.values()) + Fraction(1, 2)) - sum(numbers.values())
    for name in sorted(shares, key=lambda name: (numbers[name] - shares[name], name))[:num_left]:
        numbers[name] += 1
    for name, number in numbers.items():
        if not number:
            raise ConfigError(
                f"mixture.datasets.{name}.weight = {weights[name]:g} is {float(shares[name]):.2g} of "
                f"{sum(numbers.values())} samples per epoch; raise it, set mixture.samples_per_epoch, or leave the "
                "dataset out"
            )
    return numbers
