"""What a figure shows, and from which runs."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError


class FigureKind(StrEnum):
    """How a figure looks."""

    BARS = "bars"
    """A bar with its interval for each row of a table's column, beside the paper's figure."""
    OVER_K = "over_k"
    """A line for each row of a table whose columns are numbers of options; bounds are dashed."""
    LETTERS = "letters"
    """How often each letter was chosen, in questions that were shown in all cyclic orders."""
    RELIABILITY = "reliability"
    """Accuracy against confidence, in questions whose options were scored."""
    CONFUSION = "confusion"
    """Which class was taken for which, the most frequent ones and all others together."""


class Part(StrEnum):
    """Which class of an action."""

    VERB = "verb"
    NOUN = "noun"


FROM_TABLES = (FigureKind.BARS, FigureKind.OVER_K)
FROM_ROWS = (FigureKind.LETTERS, FigureKind.RELIABILITY, FigureKind.CONFUSION)

_ONLY_FOR: dict[str, tuple[FigureKind, ...]] = {
    "table": FROM_TABLES,
    "column": (FigureKind.BARS,),
    "task": FROM_ROWS,
    "runs": FROM_ROWS,
    "part": (FigureKind.CONFUSION,),
    "num_classes": (FigureKind.CONFUSION,),
}
"""The kinds of figure that look at a field."""


@dataclass
class FigureConfig:
    """One figure, written as `NAME.png`."""

    kind: FigureKind = FigureKind.BARS
    """How it looks."""
    title: str = "???"
    """Heading of the figure."""
    table: str | None = None
    """Table it shows; bars and over_k."""
    column: str | None = None
    """Column of that table; bars. Null takes, row by row, the last column that has anything to show."""
    task: str | None = None
    """Task whose rows it shows; letters, reliability and confusion."""
    runs: dict[str, str] = field(default_factory=dict)
    """Evaluation run folders by the name it shows, a panel or a colour each; letters, reliability and confusion."""
    part: Part = Part.VERB
    """Class that is looked at; confusion."""
    num_classes: int = 20
    """Classes with a row of their own, the most frequent ones; more could not be read. Confusion."""

    def __post_init__(self) -> None:
        for item in fields(self):
            default = {} if item.default is MISSING else item.default
            heeded = _ONLY_FOR.get(item.name)
            if heeded is not None and self.kind not in heeded and getattr(self, item.name) != default:
                raise ConfigError(
                    f"figure {self.title!r}: {item.name} does nothing in a figure of kind {self.kind}; it is for "
                    f"{', '.join(heeded)}"
                )
        if self.kind in FROM_TABLES and self.table is None:
            raise ConfigError(f"figure {self.title!r}: kind {self.kind} needs a table")
        if self.kind in FROM_ROWS and (self.task is None or not self.runs):
            raise ConfigError(f"figure {self.title!r}: kind {self.kind} needs a task and runs")
        if self.num_classes < 2:
            raise ConfigError(f"figure {self.title!r}: num_classes = {self.num_classes}: must be 2 or more")
