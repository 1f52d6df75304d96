"""Which formats an export writes, and what it says about where the samples come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from llavaction.sft.samples import View
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError

EK100_ORIGIN = (
    "Segments, times, narrations and classes come from the annotations of EPIC-KITCHENS-100 "
    "(https://github.com/epic-kitchens/epic-kitchens-100-annotations; D. Damen et al., Rescaling Egocentric Vision, "
    "International Journal of Computer Vision, 2022). They are copyright of the EPIC-KITCHENS team, who publish them "
    "under CC BY-NC 4.0. These samples are derived from them and carry the same licence: name the source and its "
    "changes, and make no commercial use."
)


class ExportFormat(StrEnum):
    """Who can read the export."""

    DATASETS = "datasets"
    """The Hugging Face `datasets` library: Parquet and a card."""
    LLAVA = "llava"
    """LLaVA-NeXT and LLaVA-Video: JSON conversations."""
    MESSAGES = "messages"
    """LLaMA-Factory and ms-swift: JSON messages."""


@dataclass
class ExportConfig:
    """What is exported."""

    formats: list[ExportFormat] = field(default_factory=lambda: list(ExportFormat))
    """Formats to write, each into a folder of its name; all of them by default."""
    views: list[View] = field(default_factory=list)
    """Views to export; empty takes every view that was built."""
    name: str = "ek100"
    """One word for the data set, in names of data sets and in `data_source`; the annotations' own by default."""
    title: str = "Questions and answers about the actions of EPIC-KITCHENS-100"
    """Heading of the data set's card."""
    license: str = "cc-by-nc-4.0"
    """Licence of the samples, as the Hugging Face hub spells it; that of the EK100 annotations by default."""
    origin: str = EK100_ORIGIN
    """What the card says about the samples' source; change it with the annotations, together with the licence."""

    def __post_init__(self) -> None:
        for field_name in ("formats", "views"):
            values = getattr(self, field_name)
            if len(set(values)) != len(values):
                raise ConfigError(f"export.{field_name} = {[str(value) for value in values]}: names one twice")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ConfigError(f"export.name = {self.name!r}: must be one word of letters, digits, '.', '_' and '-'")
        for field_name in ("title", "license", "origin"):
            if not getattr(self, field_name).strip():
                raise ConfigError(f"export.{field_name} is empty; the data set's card needs it")
