"""What a report shows, and what has to be run first."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path

from llavaction.reports.figures.config import FigureConfig
from llavaction.reports.tables.config import Setting, TableConfig, simple_table
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError, nearest

SIMPLE = "results"
"""Name of the table that `report.rows` and `report.columns` make."""


class ReportKind(StrEnum):
    """What a report is about."""

    TABLES = "tables"
    """Tables and figures of any runs, as the report spells them out."""
    RUN = "run"
    """Everything that the answers of one run tell: all metrics, where it is right, figures."""
    COMPARE = "compare"
    """Two runs, question by question."""


OF_ANSWERS = (ReportKind.RUN, ReportKind.COMPARE)
_ONLY_FOR: dict[str, tuple[ReportKind, ...]] = {
    "run": OF_ANSWERS,
    "other": (ReportKind.COMPARE,),
    "tasks": OF_ANSWERS,
    "num_classes": (ReportKind.RUN,),
}
"""The kinds of report that look at a field; the other fields are for tables."""


@dataclass
class GalleryConfig:
    """A picture of questions with the answers of every run."""

    task: str | None = None
    """Task whose questions are shown, a multiple-choice one; null draws no picture."""
    samples: str | None = None
    """The task's sample file; needed with a task."""
    num_questions: int = 6
    """How many, each of another action; six fill a screen."""
    num_frames: int = 6
    """Frames of each clip; six show a motion and stay large enough to see."""

    def __post_init__(self) -> None:
        if self.task is not None and self.samples is None:
            raise ConfigError(f"report.gallery.task = {self.task!r} needs report.gallery.samples=FILE")
        if self.num_questions < 1 or self.num_frames < 1:
            raise ConfigError("report.gallery: num_questions and num_frames must be 1 or more")


@dataclass
class StepConfig:
    """A command that makes what a report needs."""

    command: str = "???"
    """Subcommand of `llavaction`."""
    overrides: list[str] = field(default_factory=list)
    """What follows it on the command line."""
    done: str | None = None
    """File or folder that is there when it is done; it is then not run again. Null runs it every time, for commands
    that look for themselves."""


@dataclass
class ReportConfig:
    """Tables and figures of evaluation runs."""

    kind: ReportKind = ReportKind.TABLES
    """What it is about."""
    run: str | None = None
    """Evaluation run folder; kinds run and compare. report=run and report=compare take it from `run=FOLDER`."""
    other: str | None = None
    """Folder of a second run, compared with the first; kind compare. report=compare takes it from `other=FOLDER`."""
    tasks: list[str] = field(default_factory=list)
    """Tasks that are shown; kinds run and compare. Empty takes all that the runs have."""
    num_classes: int = 20
    """Verbs and nouns with a row of their own, the most frequent ones; the rest stands together. Kind run."""
    title: str = "Results"
    """Heading of the table of `rows` and `columns`."""
    rows: dict[str, str] = field(default_factory=dict)
    """The short way to one table: evaluation run folder of each row."""
    columns: dict[str, str] = field(default_factory=dict)
    """Metric of each of its columns as task.metric; shares are shown in percent."""
    may_differ: list[Setting] = field(default_factory=list)
    """Settings in which its runs may differ."""
    tables: dict[str, TableConfig] = field(default_factory=dict)
    """Tables by name."""
    figures: dict[str, FigureConfig] = field(default_factory=dict)
    """Figures by the name of their file."""
    gallery: GalleryConfig = field(default_factory=GalleryConfig)
    """The picture of questions."""
    reported: str | None = None
    """YAML file of the paper's figures; null takes the one in the package."""
    steps: dict[str, StepConfig] = field(default_factory=dict)
    """Commands that are run first, in this order, where what they make is missing. Empty for real data, whose runs
    take other machines."""
    step_overrides: dict[str, list[str]] = field(default_factory=dict)
    """What every step of a command gets before its own overrides, by the command."""

    def __post_init__(self) -> None:
        self._refuse_idle()
        if self.num_classes < 2:
            raise ConfigError(f"report.num_classes = {self.num_classes}: must be 2 or more")
        for name, metric in self.columns.items():
            if not all(metric.partition(".")):
                raise ConfigError(f"report.columns: {name!r} is {metric!r}; must be task.metric, such as mqa.accuracy")
        for group in ("tables", "figures"):
            for name in getattr(self, group):
                if not re.fullmatch(r"\w+", name):
                    raise ConfigError(f"report.{group}: {name!r} names files; use letters, digits and underscores")
        if SIMPLE in self.tables and self.rows:
            raise ConfigError(f"report.tables.{SIMPLE} is the table of report.rows; give it another name")
        used = {step.command for step in self.steps.values()}
        if idle := sorted(self.step_overrides.keys() - used):
            raise ConfigError(
                f"report.step_overrides: no step runs {', '.join(idle)} (steps run {', '.join(sorted(used))})"
            )
        for name, figure in self.figures.items():
            if figure.table is not None and figure.table not in self.all_tables:
                raise ConfigError(
                    f"report.figures.{name}: no table {figure.table!r}{nearest(figure.table, self.all_tables)}"
                )

    def _refuse_idle(self) -> None:
        for item in fields(self):
            default = item.default if item.default_factory is MISSING else item.default_factory()
            heeded = _ONLY_FOR.get(item.name, (ReportKind.TABLES,))
            if item.name != "kind" and self.kind not in heeded and getattr(self, item.name) != default:
                raise ConfigError(
                    f"report.{item.name} does nothing in a report of kind {self.kind}; it is for {', '.join(heeded)}: "
                    f"choose report={heeded[0] if heeded[0] in OF_ANSWERS else 'NAME'}"
                )

    def check_said(self) -> None:
        """Raises: ConfigError, when the report has nothing to show: no run, the same twice, or no rows and columns."""
        if self.kind is ReportKind.TABLES and not self.all_tables:
            raise ConfigError(
                "the report has no rows or columns; choose one with report=NAME, or +report.rows.NAME=FOLDER"
            )
        if self.kind in OF_ANSWERS and self.run is None:
            raise ConfigError(f"a report of kind {self.kind} needs the folder of an evaluation: run=FOLDER")
        if self.kind is ReportKind.COMPARE and self.other is None:
            raise ConfigError("a report of kind compare needs a second evaluation: other=FOLDER")
        if self.run and self.other and Path(self.run).resolve() == Path(self.other).resolve():
            raise ConfigError(f"report.run and report.other are both {self.run}; a run does not differ from itself")

    @property
    def all_steps(self) -> dict[str, StepConfig]:
        """The steps with all their overrides."""
        return {
            name: replace(step, overrides=[*self.step_overrides.get(step.command, []), *step.overrides])
            for name, step in self.steps.items()
        }

    @property
    def all_tables(self) -> dict[str, TableConfig]:
        """All tables, that of `rows` and `columns` first."""
        if not self.rows or not self.columns:
            return self.tables
        return {SIMPLE: simple_table(self.title, self.rows, self.columns, self.may_differ), **self.tables}
