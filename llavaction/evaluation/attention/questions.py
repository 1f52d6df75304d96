"""The questions that are looked into, from a sample file or about a video file. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from llavaction.evaluation.attention.config import AttentionConfig
from llavaction.evaluation.questions import draw_questions
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import Role, Sample, Turn, read_samples
from llavaction.utils.errors import DataError, VideoError, nearest
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig


@dataclass(frozen=True)
class Question:
    """A question about a clip.

    Attributes:
        video: which intervals are clustered by.
        turns: the conversation up to the question.
        load: a number of frames to these frames, uint8 `[T, H, W, 3]`.
        answer: the one to take; None where the checkpoint is to write its own.
    """

    question_id: str
    video: str
    turns: tuple[Turn, ...]
    load: Callable[[int], np.ndarray]
    answer: str | None


def choose_questions(config: AttentionConfig, video: VideoConfig, prompts: PromptsConfig) -> list[Question]:
    """The questions that `config` names, in the order of their file.

    Raises:
        DataError: when the sample file is missing or broken, has no such sample, or one shows no clip of a video.
    """
    clips = ClipLoader(video)
    if config.file is not None:
        text = config.question if config.question is not None else prompts.direct_question
        load = partial(_load_file, clips, Path(config.file), config.start_s, config.stop_s)
        name = Path(config.file).name
        return [Question(name, name, (Turn(Role.USER, text),), load, config.answer)]
    assert config.samples is not None
    samples = read_samples(Path(config.samples))
    if config.sample_id is None:
        chosen = draw_questions(samples, config.num_samples, config.seed)
    else:
        chosen = [sample for sample in samples if sample.sample_id == config.sample_id]
    if not chosen:
        hint = nearest(str(config.sample_id), [sample.sample_id for sample in samples])
        raise DataError(f"{config.samples}: none of its {len(samples)} samples is {config.sample_id!r}{hint}")
    return [
        Question(
            question_id=sample.sample_id,
            video=sample.shown_clip.video_id,
            turns=sample.turns[:-1],
            load=partial(_load_sample, clips, sample),
            answer=sample.answer if config.true_answers else config.answer,
        )
        for sample in chosen
    ]


def _load_file(
    clips: ClipLoader, path: Path, start_s: float | None, stop_s: float | None, num_frames: int
) -> np.ndarray:
    return clips.load_file(path, start_s, stop_s, num_frames=num_frames).frames


def _load_sample(clips: ClipLoader, sample: Sample, num_frames: int) -> np.ndarray:
    clip = sample.shown_clip
    try:
        loaded = clips.load(
            clip.video_id, clip.start_s, clip.stop_s, segment_id=sample.segment_id, num_frames=num_frames
        )
    except VideoError as error:
        raise VideoError(f"sample {sample.sample_id!r}: {error}") from error
    return loaded.frames
