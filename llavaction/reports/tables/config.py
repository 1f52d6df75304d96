"""What a table shows, and where each of its cells comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError, nearest


class Setting(StrEnum):
    """What runs must have in common to stand in one table."""

    NUM_FRAMES = "num_frames"
    """Frames of each clip."""
    NUM_OPTIONS = "num_options"
    """Options of each question (K); of a sweep of candidates the number that the metric is about."""
    MODE = "mode"
    """How a choice is read off the model."""
    ORDER = "order"
    """In which order options were shown."""
    LENGTH_NORMALISED = "length_normalised"
    """Whether likelihoods were divided by the number of tokens."""
    TEXT_PRIOR = "text_prior"
    """Weight of the text-only prior that was taken off."""


class SameBy(StrEnum):
    """What the runs of one column must have been asked."""

    QUESTIONS = "questions"
    """The very same questions, wherever their tasks are of one kind."""
    SEGMENTS = "segments"
    """Questions about the same clips, in other words or with other options."""


@dataclass
class CellConfig:
    """One cell; what it does not say is taken from its row, and then from its column."""

    run: str | None = None
    """Evaluation run folder."""
    task: str | None = None
    """Task whose rows are read."""
    metric: str | None = None
    """Metric of the task: one of metrics.json, or of EK100's recognition such as all_verb_accuracy_at_1."""
    reported: str | None = None
    """Key of the paper's figure, such as main.gpt_4o_8."""


@dataclass
class RowConfig:
    """One row."""

    run: str | None = None
    """Evaluation run folder of all its cells."""
    predictions: str | None = None
    """File of ranked predictions in place of a run, of any format; for EK100's recognition alone."""
    task: str | None = None
    """Task of all its cells."""
    metric: str | None = None
    """Metric of all its cells."""
    cells: dict[str, CellConfig] = field(default_factory=dict)
    """What single cells have of their own, by column."""
    is_bound: bool = False
    """No model reaches more than this row; figures draw it as a bound."""
    note: str | None = None
    """Footnote, such as why the row is empty."""

    def __post_init__(self) -> None:
        if self.predictions is not None and (self.run or self.task or any(cell.run for cell in self.cells.values())):
            raise ConfigError(
                f"a row with predictions={self.predictions} has no run and no task; leave one of them out"
            )


@dataclass
class ColumnConfig:
    """One column."""

    task: str | None = None
    """Task of its cells."""
    metric: str | None = None
    """Metric of its cells."""
    num_frames: int | None = None
    """Frames that its runs must have used; null asks for the same number in the whole table."""
    num_options: int | None = None
    """Options that its questions must have; null asks for the same number in the whole table."""


@dataclass
class TableConfig:
    """Rows and columns."""

    title: str = "Results"
    """Heading of the table."""
    columns: dict[str, ColumnConfig] = field(default_factory=dict)
    """Columns by their heading."""
    rows: dict[str, RowConfig] = field(default_factory=dict)
    """Rows by their name."""
    same_by: SameBy = SameBy.QUESTIONS
    """What the runs of one column must have been asked."""
    may_differ: list[Setting] = field(default_factory=list)
    """Settings in which runs may differ though they stand in this table."""
    columns_alike: bool = True
    """Whether settings must agree over all columns, and not only within each."""
    all_runs: bool = False
    """Refuse a run that is missing or unfinished, instead of leaving its cells empty."""
    note: str | None = None
    """What stands below the table."""

    def __post_init__(self) -> None:
        for row_name, row in self.rows.items():
            for name in row.cells:
                if name not in self.columns:
                    raise ConfigError(
                        f"table {self.title!r}, row {row_name!r}: cell of column {name!r}, which the table does not "
                        f"have{nearest(name, self.columns)}"
                    )


def simple_table(title: str, rows: dict[str, str], columns: dict[str, str], may_differ: list[Setting]) -> TableConfig:
    """A table of run folders by name, which must be there, and of `task.metric` by heading, each to be read alone."""
    parts = {name: metric.partition(".") for name, metric in columns.items()}
    return TableConfig(
        title,
        columns={name: ColumnConfig(task=task, metric=metric) for name, (task, _, metric) in parts.items()},
        rows={name: RowConfig(run=folder) for name, folder in rows.items()},
        may_differ=may_differ,
        columns_alike=False,
        all_runs=True,
    )
