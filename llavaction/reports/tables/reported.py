"""The paper's figures, from one YAML file that is easy to correct."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from llavaction.utils.errors import ConfigError, DataError, nearest

PACKAGED = Path(__file__).parent / "assets" / "reported.yaml"


@dataclass(frozen=True)
class ReportedFigures:
    """Figures by key.

    Attributes:
        path: the file they are from.
        source: where its author read them, as tables say it.
        shares: by ``section.name``, between 0 and 1.
    """

    path: Path
    source: str
    shares: Mapping[str, float]

    def share(self, key: str) -> float:
        """The figure of a key.

        Raises:
            ConfigError: when there is none, with the nearest.
        """
        if key not in self.shares:
            raise ConfigError(f"reported figure {key!r}: not in {self.path}{nearest(key, self.shares)}")
        return self.shares[key]


def read_reported(path: Path = PACKAGED) -> ReportedFigures:
    """Read a file of sections with figures in percent, and a `source`.

    Raises:
        DataError: naming what is missing or is no percentage.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"{path}: not YAML ({' '.join(str(error).split())})") from None
    if not isinstance(content, dict) or not isinstance(content.get("source"), str):
        raise DataError(f"{path}: expected a `source` that says where the figures are from, and sections of figures")
    shares = {}
    for section, figures in content.items():
        if section == "source":
            continue
        if not isinstance(figures, dict):
            raise DataError(f"{path}: section {section!r} is {figures!r}, expected names with percentages")
        for name, value in figures.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
                raise DataError(f"{path}: {section}.{name} is {value!r}, expected a percentage")
            shares[f"{section}.{name}"] = value / 100
    return ReportedFigures(path, content["source"], shares)
