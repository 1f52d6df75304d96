"""What is drawn for an audit, and which verdicts are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError


class Draw(StrEnum):
    """Which questions are drawn."""

    UNIFORM = "uniform"
    """Every question is as likely as any other, so that the rate is that of the whole file."""
    PER_ACTION = "per_action"
    """No action a second time before every action came once: rare ones are seen, and count for more in the rate."""


@dataclass
class AuditConfig:
    """Either questions are drawn from `samples`, or the filled sheets in `verdicts` are read."""

    # OmegaConf knows no union of a text and a list; both fields are lists of paths once checked.
    samples: Any = None
    """Sample file whose questions are drawn, or a list of files, one per distractor strategy. With verdicts: null
    takes the files of the drawing."""
    verdicts: Any = None
    """Filled sheet, or a list of them, one per rater; null draws questions."""
    num_questions: int = 100
    """Questions drawn, over all files; 100 with five options are 400 judgements: an hour or two of a person's time,
    and an interval of about 2 points on either side of a rate of 5 percent."""
    draw: Draw = Draw.UNIFORM
    """Which questions; uniform, the one draw whose rate holds for the whole file."""
    seed: int = 0
    """Seed of the draw and of the resampling behind the intervals; with a sample's id it decides its place."""
    num_frames: int = 6
    """Frames of each clip on the page; six show a motion and stay large enough to see."""
    frame_side: int = 288
    """Longest side of a frame in pixels; at 288 a page of 100 questions stays below 10 MB."""

    def __post_init__(self) -> None:
        self.samples = _paths("samples", self.samples)
        self.verdicts = _paths("verdicts", self.verdicts)
        for name, least in (("num_questions", 1), ("num_frames", 1), ("frame_side", 16)):
            if getattr(self, name) < least:
                raise ConfigError(f"audit.{name} = {getattr(self, name)}: must be {least} or more")


def _paths(name: str, value: Any) -> list[str]:
    """One path or a list of them as a list.

    Raises:
        ConfigError: when it is neither, or a path stands twice.
    """
    paths = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        raise ConfigError(f"audit.{name} = {value!r}: must be a file or a list of files, [ONE,TWO]")
    if len(set(paths)) != len(paths):
        raise ConfigError(f"audit.{name} = {paths}: a file stands twice")
    return paths
