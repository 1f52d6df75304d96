"""What the annotator asks, whom, how fast and for how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from llavaction.annotations.epic_kitchens import Split
from llavaction.api.config import Structured, VisionServerConfig
from llavaction.sft.templates import check_template

_PLACEHOLDERS = {"caption": {"narration"}, "qa": {"narration", "caption"}}


@dataclass
class AnnotatorPrompt:
    """The words that the model is asked with."""

    name: str
    """Name that each annotation records."""
    version: int
    """Raised with every change of wording, as annotations before and after do not compare."""
    system: str
    """Who the model is to be; told before either question."""
    caption: str
    """Asks for the caption, below the frames; holds {narration}."""
    caption_format: str
    """Says what the answer's JSON looks like; nothing is filled in, so braces stand for themselves."""
    qa: str
    """Asks for question-answer pairs, without frames; holds {narration} and {caption}."""
    qa_format: str
    """Says what the answer's JSON looks like; nothing is filled in."""

    def __post_init__(self) -> None:
        for name, needed in _PLACEHOLDERS.items():
            check_template(f"annotator.prompt.{name}", getattr(self, name), needed)


@dataclass(kw_only=True)
class AnnotatorConfig(VisionServerConfig):
    """Which clips are described, by which model, and within what limits."""

    SECTION: ClassVar[str] = "annotator"
    """The section of the configuration that this is, for errors."""

    prompt: AnnotatorPrompt
    """Words of both questions."""
    split: Split = Split.TRAIN
    """Split whose segments are annotated; the texts are for training."""
    limit: int | None = None
    """Annotate this many segments, drawn by `seed`; a larger limit keeps the smaller one's. null takes all."""
    num_frames: int = 4
    """Frames per clip, the middles of as many equal parts; 4, as in the paper."""
    structured: Structured = Structured.JSON_SCHEMA
    """How JSON is asked for; the schema, with which hardly any answer is invalid."""
    max_output_tokens: int = 1000
    """Longest answer; several times a caption's length, since what is not written costs nothing."""
    num_answers: int = 3
    """Answers asked for until one is valid; raise it to try again where all were invalid."""
    seed: int = 0
    """Seed of the choice of segments and of the random part of waiting times."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_least(max_output_tokens=1, num_answers=1, limit=1)
