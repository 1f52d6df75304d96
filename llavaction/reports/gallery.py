"""A picture of questions: frames, options, the right answer, and what each run chose."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.evaluation.predictions import Row, read_rows
from llavaction.reports.config import GalleryConfig
from llavaction.reports.pictures import INK, MUTED, RULE, new_figure, save_figure
from llavaction.sft.prompts import LETTERS
from llavaction.sft.samples import Sample, read_samples
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.seeding import seed_for
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig

_RIGHT, _WRONG = "#1b7f4b", "#b3261e"
_NO_BREAK = "\N{NO-BREAK SPACE}"
_KEY = "Green: the right answer. Arrows: what each run chose."

# Inches, and characters that usually fit a line of a column.
_WIDTH, _MARGIN, _LINE, _HEAD = 13.0, 0.3, 0.21, 0.3
_STRIP_WIDTH, _OPTIONS_X, _CHOICES_X = 6.4, 7.0, 9.9
_CHOICES_WIDTH = _WIDTH - _CHOICES_X - _MARGIN
_OPTION_CHARS, _CHOICE_CHARS = 32, 40


def draw_gallery(config: GalleryConfig, runs: Mapping[str, str], video: VideoConfig, path: Path) -> None:
    """Write a PNG with a strip of frames per question and the runs' choices beside its options.

    Args:
        runs: evaluation run folder by row name; runs without the task are left out.

    Raises:
        ConfigError: when `config` names no task or samples.
        DataError: when no run answered the task, or no question with options was answered by all that did.
    """
    if config.task is None or config.samples is None:
        raise ConfigError("report.gallery needs a task and its samples")
    answers = {
        name: {row.sample_id: row for row in read_rows(file)}
        for name, folder in runs.items()
        if (file := Path(folder) / "rows" / f"{config.task}.jsonl").exists()
    }
    if not answers:
        raise DataError(f"no run has rows of task {config.task!r}; the gallery needs them")
    answered = set.intersection(*(set(rows) for rows in answers.values()))
    samples = [sample for sample in read_samples(Path(config.samples)) if sample.sample_id in answered]
    chosen = _choose(samples, config.num_questions)
    if not chosen:
        raise DataError(
            f"{config.samples}: no question with options that every run with task {config.task!r} answered; "
            "set report.gallery.samples to the samples of that task"
        )
    clips = ClipLoader(video)
    frames = [
        clips.load(
            clip.video_id, clip.start_s, clip.stop_s, segment_id=sample.segment_id, num_frames=config.num_frames
        ).frames
        for sample, clip in ((sample, sample.shown_clip) for sample in chosen)
    ]
    _draw(chosen, frames, answers, path)


def _choose(samples: Sequence[Sample], number: int) -> list[Sample]:
    """A fixed draw, at most one question per action, so that the picture shows different things."""
    chosen: dict[int, Sample] = {}
    for sample in sorted(samples, key=lambda sample: seed_for(0, "gallery", sample.sample_id)):
        if sample.action is not None and sample.options and len(chosen) < number:
            chosen.setdefault(sample.action.action_id, sample)
    return list(chosen.values())


def _draw(
    samples: Sequence[Sample], frames: Sequence[np.ndarray], answers: Mapping[str, Mapping[str, Row]], path: Path
) -> None:
    strips = [_strip(clip) for clip in frames]
    tables = [_lines(sample, {name: rows[sample.sample_id] for name, rows in answers.items()}) for sample in samples]
    strip_heights = [_STRIP_WIDTH * strip.shape[0] / strip.shape[1] for strip in strips]
    heights = [
        _HEAD + max(strip_height, len(table) * _LINE) + _MARGIN
        for strip_height, table in zip(strip_heights, tables, strict=True)
    ]
    total = _HEAD + sum(heights)
    figure = new_figure(_WIDTH, total)
    # One sheet for all texts, measured in inches from the top left corner.
    sheet = figure.add_axes((0, 0, 1, 1), xlim=(0, _WIDTH), ylim=(total, 0))
    sheet.axis("off")
    sheet.text(_OPTIONS_X, _HEAD, _KEY, fontsize=9, color=MUTED)
    top = _HEAD
    for sample, strip, height, table, whole in zip(samples, strips, strip_heights, tables, heights, strict=True):
        clip = sample.shown_clip
        title = f"{sample.segment_id}   {clip.start_s:.1f}–{clip.stop_s:.1f} s"
        sheet.text(_MARGIN, top + _HEAD - 0.08, title, fontsize=9, color=MUTED)
        bottom = 1 - (top + _HEAD + height) / total
        picture = figure.add_axes((_MARGIN / _WIDTH, bottom, _STRIP_WIDTH / _WIDTH, height / total))
        picture.imshow(strip, interpolation="nearest", aspect="auto")
        picture.axis("off")
        _write(sheet, top + _HEAD, table)
        top += whole
        if sample is not samples[-1]:
            sheet.plot([_MARGIN, _WIDTH - _MARGIN], [top, top], color=RULE, linewidth=1)
    save_figure(figure, path)


def _strip(clip: np.ndarray) -> np.ndarray:
    """Frames `[T, H, W, 3]` side by side with thin white gaps, `[H, T*W + gaps, 3]`."""
    gap = np.full((clip.shape[1], max(1, clip.shape[2] // 40), 3), 255, np.uint8)
    return np.concatenate([part for frame in clip for part in (frame, gap)][:-1], axis=1)


def _lines(sample: Sample, rows: Mapping[str, Row]) -> list[tuple[str, bool, str]]:
    """What stands beside the frames: option, whether it is the right one, and who chose it, cut into lines."""
    lines: list[tuple[str, bool, str]] = []
    for idx, option in enumerate([*sample.options, None]):
        choosers = [name for name, row in rows.items() if row.chosen_idx == (None if option is None else idx)]
        if option is None and not choosers:
            continue
        text = "no choice" if option is None else f"{LETTERS[idx]}. {option.text}"
        left = textwrap.wrap(text, _OPTION_CHARS, subsequent_indent="     ")
        # Lines break between names, not inside one.
        names = ", ".join(name.replace(" ", _NO_BREAK) for name in choosers)
        right = textwrap.wrap("←" + _NO_BREAK + names, _CHOICE_CHARS) if choosers else []
        for number in range(max(len(left), len(right))):
            lines.append(
                ("".join(left[number : number + 1]), idx == sample.answer_idx, "".join(right[number : number + 1]))
            )
    return lines


def _write(sheet: Any, top: float, lines: Sequence[tuple[str, bool, str]]) -> None:
    for number, (option, right, choosers) in enumerate(lines, start=1):
        y = top + number * _LINE - 0.05
        weight = "bold" if right else "normal"
        left = sheet.text(_OPTIONS_X, y, option, fontsize=10, color=_RIGHT if right else INK, weight=weight)
        _fit(left, _CHOICES_X - _OPTIONS_X - 0.1)
        _fit(sheet.text(_CHOICES_X, y, choosers, fontsize=9, color=_RIGHT if right else _WRONG), _CHOICES_WIDTH)


def _fit(label: Any, width: float) -> None:
    """Shrink a text of unusually wide letters to its column, in inches."""
    excess = label.get_window_extent().width / label.figure.dpi / width
    if excess > 1:
        label.set_fontsize(label.get_fontsize() / excess)
