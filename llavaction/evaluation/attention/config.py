"""Which clips and questions are looked into, and what is drawn of them. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from llavaction.utils.errors import ConfigError


@dataclass
class AttentionConfig:
    """Either questions of a sample file, or one question about a video file."""

    samples: str | None = None
    """Sample file (JSONL) whose questions are looked into; null takes `file`."""
    sample_id: str | None = None
    """The one question of `samples` that is looked into; null draws `num_samples`."""
    num_samples: int = 20
    """Questions that are drawn of `samples` and averaged; 20 give a first interval in minutes, figures for a paper want
    hundreds."""
    seed: int = 0
    """Seed of the draw and of the resampling behind the intervals."""
    file: str | None = None
    """Video file, instead of `samples`."""
    start_s: float | None = None
    """Start of the stretch of `file` that is shown, in seconds; null is the start of the file."""
    stop_s: float | None = None
    """End of that stretch, in seconds; null is the end of the file."""
    question: str | None = None
    """What is asked about `file`; null asks the prompts' question for the action. Questions of `samples` have their own
    words."""
    answer: str | None = None
    """Answer whose tokens attend, of a single question; null lets the checkpoint write its own."""
    true_answers: bool = False
    """Take the answers that stand in `samples` instead of those that the checkpoint writes."""
    max_new_tokens: int = 32
    """Longest written answer in tokens; a narration has under ten words."""
    other: str | None = None
    """A second checkpoint, such as one trained without an action token; it is shown the same clips, questions and
    answers."""
    first_layer: int | None = None
    """First layer, from 1, over which heat maps are averaged; null begins with the first. With neither end given, the
    maps of one question are also shown for each third of the layers."""
    last_layer: int | None = None
    """Last such layer; null ends with the last."""
    num_heatmaps: int = 4
    """Questions, of those looked into, whose heat maps are drawn and kept; 4 fill a screen."""
    num_frames: int = 8
    """Frames shown of each heat map, evenly chosen; eight stay large enough to see. The maps that are kept have all."""

    def __post_init__(self) -> None:
        if (self.samples is None) == (self.file is None):
            raise ConfigError("nothing, or too much, to look into; give samples=FILE.jsonl or file=VIDEO, one of them")
        self._refuse_idle()
        for name in ("num_samples", "max_new_tokens", "num_heatmaps", "num_frames", "first_layer", "last_layer"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} = {value}: must be 1 or more")
        if self.first_layer is not None and self.last_layer is not None and self.first_layer > self.last_layer:
            raise ConfigError(f"first_layer = {self.first_layer} stands after last_layer = {self.last_layer}")

    @property
    def is_single(self) -> bool:
        """Whether there is one question alone."""
        return self.file is not None or self.sample_id is not None or self.num_samples == 1

    def _refuse_idle(self) -> None:
        """Refuse what would be without effect."""
        for name in ("start_s", "stop_s", "question"):
            if self.samples is not None and getattr(self, name) is not None:
                raise ConfigError(f"{name} is for file=VIDEO; questions of samples={self.samples} have their own")
        for name, value in (("sample_id", self.sample_id), ("true_answers", self.true_answers or None)):
            if self.file is not None and value is not None:
                raise ConfigError(f"{name} is for samples=FILE, and file={self.file} has none")
        if self.answer is not None and self.true_answers:
            raise ConfigError("answer and true_answers are two answers; leave one of them out")
        if self.answer is not None and not self.answer.strip():
            raise ConfigError("answer is empty; give its text, or leave it out")
        if self.answer is not None and not self.is_single:
            raise ConfigError(
                f"answer = {self.answer!r} cannot be that of {self.num_samples} questions; choose one with "
                "sample_id=ID, or take true_answers=true"
            )
