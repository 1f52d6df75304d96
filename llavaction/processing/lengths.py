"""How many tokens each sample has, found without opening its videos and pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from llavaction.model.config import PictureMode
from llavaction.processing.chat import PieceKind, place_marks, render_prompt
from llavaction.processing.processor import Processor, media_kinds, shows_one_video
from llavaction.sft.samples import MEDIA_MARK, MediaKind, Role, Sample, Turn
from llavaction.utils.errors import DataError

TYPICAL_PICTURE = (480, 640)
"""Height and width that every picture is taken to have where its tokens depend on them (`model.pictures=anyres`)."""

_TEXTS_AT_A_TIME = 10_000
_PARALLEL = "TOKENIZERS_PARALLELISM"


def count_tokens(samples: Sequence[Sample], processor: Processor) -> np.ndarray:
    """Tokens of each sample as `Processor.example` makes them, int64 `[len(samples)]`.

    They are exact, but for pictures in tiles (see `TYPICAL_PICTURE`), whose number only the file's size would tell.

    Raises:
        DataError: naming the sample, when its marks do not fit its media.
    """
    without_words = {number: _without_words(number, processor) for number in {len(sample.turns) for sample in samples}}
    counts = np.zeros(len(samples), dtype=np.int64)
    # A text that stands in many samples, and a sample that comes more than once, are tokenized once.
    numbers: dict[str, int] = {}
    owners: list[int] = []
    texts: list[int] = []
    for idx, sample in enumerate(samples):
        counts[idx] = without_words[len(sample.turns)] + _num_visual(sample, processor)
        for text in _texts(sample):
            owners.append(idx)
            texts.append(numbers.setdefault(text, len(numbers)))
    np.add.at(counts, owners, _text_lengths(list(numbers), processor)[texts])
    return counts


def check_longest(samples: Sequence[Sample], counts: np.ndarray, processor: Processor) -> None:
    """Refuse a sample that is too long before training begins, not when its turn comes.

    Raises:
        DataError: naming the longest sample, its tokens and the limit.
    """
    config = processor.config
    for idx in np.flatnonzero(counts > config.max_length)[np.argsort(-counts[counts > config.max_length])]:
        sample = samples[idx]
        if config.layout.pictures.mode is PictureMode.ANYRES and MediaKind.IMAGE in media_kinds(sample):
            continue
        raise DataError(
            f"sample {sample.sample_id!r} has {counts[idx]} tokens, the limit is {config.max_length}; use fewer frames "
            "or raise train.max_length"
        )


def _num_visual(sample: Sample, processor: Processor) -> int:
    """Placeholders of what a sample shows."""
    layout, kinds = processor.config.layout, media_kinds(sample)
    is_alone = kinds.count(MediaKind.IMAGE) == 1
    total = layout.num_action_tokens if shows_one_video(sample) else 0
    for kind in kinds:
        if kind is MediaKind.VIDEO:
            total += layout.num_visual_tokens(processor.config.num_frames)
        elif layout.pictures.mode is PictureMode.AS_VIDEO:
            total += layout.num_visual_tokens(1)
        else:
            total += layout.num_visual_tokens(layout.pictures.num_views(TYPICAL_PICTURE, is_alone), TYPICAL_PICTURE)
    return total


def _without_words(num_turns: int, processor: Processor) -> int:
    """Tokens that the chat layout puts around the words of a conversation."""
    turns = [Turn(Role.USER, ""), Turn(Role.ASSISTANT, "")] * (num_turns // 2)
    pieces = render_prompt(processor.config.system_prompt, turns, num_media=0)
    return sum(len(processor.answer_ids(piece.text)) if piece.kind is PieceKind.TEXT else 1 for piece in pieces)


def _texts(sample: Sample) -> Iterator[str]:
    """The words of a conversation in the pieces that are tokenized one by one."""
    try:
        turns = place_marks(sample.turns, len(media_kinds(sample)))
    except DataError as error:
        raise DataError(f"sample {sample.sample_id!r}: {error}") from None
    for turn in turns:
        yield from filter(None, turn.text.split(MEDIA_MARK))


def _text_lengths(texts: Sequence[str], processor: Processor) -> np.ndarray:
    """Tokens of each text, int64 `[len(texts)]`."""
    lengths: list[int] = []
    with _on_all_cores():
        for start in range(0, len(texts), _TEXTS_AT_A_TIME):
            encoded = processor.tokenizer(
                list(texts[start : start + _TEXTS_AT_A_TIME]),
                add_special_tokens=False,
                split_special_tokens=True,
                return_attention_mask=False,
            )
            lengths += map(len, encoded["input_ids"])
    return np.array(lengths, dtype=np.int64)


@contextmanager
def _on_all_cores() -> Iterator[None]:
    """Lets the tokenizer use threads, where the environment does not say already whether it may.

    Afterwards it may not: workers that are forked from here would wait for threads that they do not have.
    """
    if _PARALLEL in os.environ:
        yield
        return
    os.environ[_PARALLEL] = "true"
    try:
        yield
    finally:
        os.environ[_PARALLEL] = "false"
