"""Run folders as `llavaction evaluate` leaves them, and a small kitchen video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llavaction.evaluation.predictions import Row
from llavaction.sft.samples import ActionLabel, ClipRef, Option, Role, Sample, Turn, View
from llavaction.video.encoding import write_h264
from tests.reports.evaluations import write_run


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., str]:
    """Writes a finished evaluation with the rows of each task and returns its folder."""

    def write(name: str, **rows: Sequence[Row]) -> str:
        return str(write_run(tmp_path / name, rows))

    return write


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One video of 4 seconds in two chunks: a light bar that wanders from left to right."""
    folder = tmp_path_factory.mktemp("videos")
    frames = np.full((40, 48, 64, 3), 60, np.uint8)
    for number, frame in enumerate(frames):
        frame[:, number : number + 16] = (230, 180, 40)
    for number in (0, 1):
        chunk = folder / "P01" / "P01_01.MP4" / f"{2 * number}.MP4"
        write_h264(chunk, frames[20 * number :][:20], 10)
    return folder


def candidates(number: int, texts: Sequence[str]) -> Sample:
    """A question among candidates that lack the truth."""
    shown = question(number, texts, 0)
    return replace(shown, view=View.CANDIDATES, action=ActionLabel(9, 9, 99), answer_idx=None)


def question(number: int, texts: Sequence[str], answer_idx: int) -> Sample:
    """A question about a stretch of the video, each number about another action."""
    options = tuple(Option(text, idx, f"{'ABCDE'[idx]}. {text}") for idx, text in enumerate(texts))
    return Sample(
        sample_id=f"q/{number}",
        view=View.MQA,
        segment_id=f"P01_01_{number}",
        clip=ClipRef("P01_01", 0.5 * number, 0.5 * number + 2.0),
        turns=(Turn(Role.USER, "Which?"), Turn(Role.ASSISTANT, options[answer_idx].answer)),
        action=ActionLabel(0, number, number),
        options=options,
        answer_idx=answer_idx,
    )
