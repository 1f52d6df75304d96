"""What `llavaction runs` is told."""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError


class SortBy(StrEnum):
    """Order of the runs; those without the figure come last."""

    STARTED = "started"
    """The newest at the end, next to the prompt."""
    NAME = "name"
    """By folder."""
    LOSS = "loss"
    """The lowest first."""
    EVALUATION = "evaluation"
    """By the first metric that is shown, the best first."""
    DURATION = "duration"
    """The longest first."""
    THROUGHPUT = "throughput"
    """The fastest first."""


class ListFormat(StrEnum):
    """How the list is written."""

    TABLE = "table"
    """For people."""
    JSON = "json"
    """A list of objects with all that is known."""
    CSV = "csv"
    """A line for each run."""


@dataclass
class RunsConfig:
    """Which folders are looked at, and how they are shown."""

    folder: str = "runs"
    """Folder that is searched; may be given without `folder=`."""
    sort: SortBy = SortBy.STARTED
    """Order of the runs."""
    format: ListFormat = ListFormat.TABLE
    """How the list is written."""
    depth: int = 4
    """Levels of folders that are searched below `folder`; commands write two or three levels below `runs`."""
    quiet_min: float = 15.0
    """Minutes without a sign of life after which an unfinished run counts as stopped; a log line comes more often."""

    def __post_init__(self) -> None:
        if self.depth < 0 or self.quiet_min < 0:
            raise ConfigError(f"depth = {self.depth} and quiet_min = {self.quiet_min}: must be 0 or more")
