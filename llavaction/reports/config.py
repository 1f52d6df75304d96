"""What a report shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from llavaction.utils.errors import ConfigError


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
class ReportConfig:
    """One table: a row per evaluation run, a column per metric."""

    title: str = "Results"
    """Heading of the table."""
    rows: dict[str, str] = field(default_factory=dict)
    """Evaluation run folder of each row."""
    columns: dict[str, str] = field(default_factory=dict)
    """Metric of each column as task.metric; shares are shown in percent."""
    gallery: GalleryConfig = field(default_factory=GalleryConfig)
    """The picture beside the table."""

    def __post_init__(self) -> None:
        for name, metric in self.columns.items():
            if not all(metric.partition(".")):
                raise ConfigError(f"report.columns: {name!r} is {metric!r}; must be task.metric, such as mqa.accuracy")
