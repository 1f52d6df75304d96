"""A part of a dataset: `first:500`, `last:10%`, `random:25%`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from llavaction.sft.samples import Sample
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError, nearest
from llavaction.utils.seeding import unit_interval

_FORMS = "first:N, last:N or random:N, where N is a number of samples (500) or a share of them (10%)"


class LimitKind(StrEnum):
    """Which samples of a file are taken."""

    FIRST = "first"
    """Those at its beginning."""
    LAST = "last"
    """Those at its end."""
    RANDOM = "random"
    """Any, by the seed and each sample's own id; whatever their order, and fewer are a part of more."""


@dataclass(frozen=True)
class Limit:
    """A number of samples, or a share where `is_percent`."""

    kind: LimitKind
    amount: Fraction
    is_percent: bool

    @classmethod
    def parse(cls, text: str) -> Limit:
        """The limit that `text` writes.

        Raises:
            ConfigError: naming the valid forms.
        """
        found = re.fullmatch(r"(\w+):(\d+(?:\.\d+)?)(%?)", text.strip())
        kinds = {kind.value: kind for kind in LimitKind}
        word = text.partition(":")[0].strip()
        if found is None or word not in kinds:
            raise ConfigError(f"{text!r}: must be {_FORMS}{'' if word in kinds else nearest(word, kinds)}")
        amount, is_percent = Fraction(found.group(2)), bool(found.group(3))
        if is_percent and not 0 < amount <= 100:
            raise ConfigError(f"{text!r}: a share must be above 0 % and at most 100 %")
        if not is_percent and (amount < 1 or amount.denominator > 1):
            raise ConfigError(f"{text!r}: must be a whole number of samples, 1 or more; a share is written with %")
        return cls(kinds[word], amount, is_percent)

    def count(self, num_samples: int) -> int:
        """How many of `num_samples` are taken; shares are rounded to the nearest whole number.

        Raises:
            ConfigError: when that is none, or more than there are.
        """
        count = floor(num_samples * self.amount / 100 + Fraction(1, 2)) if self.is_percent else int(self.amount)
        if count > num_samples:
            raise ConfigError(
                f"{self} asks for {count} samples, but there are {num_samples}; ask for fewer, or leave the limit out"
            )
        if not count:
            raise ConfigError(f"{self} of {num_samples} samples is none; take a larger share")
        return count

    def take(self, samples: Sequence[Sample], dataset: str, seed: int) -> list[Sample]:
        """The samples of the limit, in their order; `random` depends on the seed, the dataset's name and their ids."""
        count = self.count(len(samples))
        if self.kind is LimitKind.FIRST:
            return list(samples[:count])
        if self.kind is LimitKind.LAST:
            return list(samples[-count:])
        ids = [sample.sample_id for sample in samples]
        chosen = draw_ids(ids, count, seed, "limit", dataset)
        return [sample for sample in samples if sample.sample_id in chosen]

    def __str__(self) -> str:
        amount = str(float(self.amount)).removesuffix(".0")
        return f"{self.kind}:{amount}{'%' if self.is_percent else ''}"


def draw_ids(ids: Sequence[str], count: int, seed: int, *keys: str) -> set[str]:
    """`count` of the ids: whatever their order, and fewer are a part of more."""
    return set(sorted(ids, key=lambda name: (unit_interval(seed, *keys, name), name))[:count])
