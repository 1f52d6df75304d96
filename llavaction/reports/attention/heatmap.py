"""A picture of where the answer and the action token look in the frames."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.evaluation.attention.config import AttentionConfig
from llavaction.evaluation.attention.records import Attention, ClipRecord, Run, RunInfo
from llavaction.reports.attention.layers import Stretch, choose_layers, layer_words, thirds
from llavaction.reports.attention.overlay import LEAST_PEAK, PEAK, lay_over, strengths
from llavaction.reports.attention.style import QUERY_WORDS
from llavaction.reports.pictures import INK, MUTED, new_figure, save_figure

_KEY = (
    f"Colour: attention to a patch, mean over heads; from none (grey) to the {PEAK:g}th percentile of its row, or "
    f"{LEAST_PEAK} times its mean if that is more (dark red).\n"
    "Numbers: what each frame gets, in percent of the row's attention to patches of all frames."
)
# Inches, and characters that fit a line.
_MARGIN, _LABEL_WIDTH, _FRAME, _GAP, _LINE = 0.25, 2.2, 1.25, 0.06, 0.2
_LEAST_WIDTH, _TEXT_CHARS = 9.0, 95


@dataclass(frozen=True)
class _Row:
    """Pictures side by side, the words to the left of them, and a number below each, if any."""

    label: str
    pictures: np.ndarray
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Block:
    """A question with its rows."""

    title: tuple[str, ...]
    rows: tuple[_Row, ...]


def draw_heatmaps(clips: Sequence[ClipRecord], infos: Sequence[RunInfo], config: AttentionConfig, path: Path) -> None:
    """Write a PNG with the frames of each clip whose maps were kept, and below them what each run and query looks at.

    Raises:
        ConfigError: when a checkpoint has no such layers as `config` asks for.
    """
    with_thirds = len(clips) == 1 and config.first_layer is None and config.last_layer is None
    blocks = [_block(clip, infos, config, with_thirds) for clip in clips if clip.frames]
    most = max(len(row.pictures) for block in blocks for row in block.rows)
    width = max(_LEAST_WIDTH, 2 * _MARGIN + _LABEL_WIDTH + most * (_FRAME + _GAP))
    height = 2 * _MARGIN + 2.5 * _LINE + sum(map(_height, blocks))
    figure = new_figure(width, height)
    # One sheet for everything, measured in inches from the top left corner.
    sheet = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    sheet.axis("off")
    sheet.text(_MARGIN, _MARGIN, _KEY, fontsize=8, color=MUTED, va="top")
    top = _MARGIN + 2.5 * _LINE
    for block in blocks:
        _draw_block(sheet, block, top)
        top += _height(block)
    # Pictures would otherwise pull the limits to themselves.
    sheet.set(xlim=(0, width), ylim=(height, 0))
    save_figure(figure, path)


def _block(clip: ClipRecord, infos: Sequence[RunInfo], config: AttentionConfig, with_thirds: bool) -> _Block:
    rows: list[_Row] = []
    for info in infos:
        frames = clip.frames[info.run]
        shown = _evenly(len(frames), config.num_frames)
        if info is infos[0]:
            rows.append(_Row("frames", frames[shown]))
        elif not np.array_equal(frames, clip.frames[infos[0].run]):
            # Another checkpoint may see more frames, or larger ones.
            rows.append(_Row(f"frames,\n{info.label}", frames[shown]))
        stretches = [choose_layers(info.num_layers, config.first_layer, config.last_layer, info.checkpoint)]
        if with_thirds and info.run is Run.AS_TRAINED:
            stretches += thirds(info.num_layers)
        for query, seen in clip.measured[info.run].attention.items():
            for stretch in stretches:
                words = f"{QUERY_WORDS[query]},\n{info.label},\n{layer_words(stretch, info.num_layers)}"
                rows.append(_heat_row(words, seen, stretch, frames, shown, info.cover))
    # Untrained models answer with signs that no font has.
    answer = "".join(sign if sign.isprintable() else "?" for sign in " ".join(clip.answer.split()))
    return _Block(tuple(textwrap.wrap(f"{clip.question_id}    answer: {answer}", _TEXT_CHARS)), tuple(rows))


def _heat_row(
    label: str, seen: Attention, stretch: Stretch, frames: np.ndarray, shown: Sequence[int], cover: float
) -> _Row:
    assert seen.map_LThh is not None
    map_Thh = seen.map_LThh[stretch[0] - 1 : stretch[1]].mean(0)
    frame_T = map_Thh.sum((1, 2))
    total = max(float(frame_T.sum()), np.finfo(np.float32).tiny)
    pictures = lay_over(frames[shown], strengths(map_Thh)[shown], cover)
    return _Row(label, pictures, tuple(f"{100 * frame_T[number] / total:.0f}" for number in shown))


def _evenly(number: int, wanted: int) -> list[int]:
    """The middles of `wanted` equal parts of `number` frames; all frames where there are no more."""
    wanted = min(number, wanted)
    return [(2 * part + 1) * number // (2 * wanted) for part in range(wanted)]


def _row_height(row: _Row) -> float:
    return _FRAME + _GAP + (_LINE if row.numbers else 0)


def _height(block: _Block) -> float:
    return len(block.title) * _LINE + sum(map(_row_height, block.rows)) + 2 * _LINE


def _draw_block(sheet: Any, block: _Block, top: float) -> None:
    for line in block.title:
        # An answer may hold dollar signs, which would begin a formula.
        sheet.text(_MARGIN, top, line, fontsize=9, color=INK, weight="bold", va="top", parse_math=False)
        top += _LINE
    top += 0.5 * _LINE
    for row in block.rows:
        sheet.text(_MARGIN, top + _FRAME / 2, row.label, fontsize=8, color=INK, va="center", linespacing=1.4)
        for left, picture in zip(_lefts(), row.pictures):
            sheet.imshow(picture, extent=(left, left + _FRAME, top + _FRAME, top), interpolation="nearest", zorder=0)
        for left, number in zip(_lefts(), row.numbers):
            sheet.text(left + _FRAME / 2, top + _FRAME + 0.03, number, fontsize=7, color=MUTED, ha="center", va="top")
        top += _row_height(row)


def _lefts() -> Iterator[float]:
    """Where the pictures of a row begin, from the left."""
    left = _MARGIN + _LABEL_WIDTH
    while True:
        yield left
        left += _FRAME + _GAP
