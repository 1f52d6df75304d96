"""From a sample and its frames to ids, labels and pixels.

S sequence, T frames of all media together, H height, W width, R resolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from llavaction.model.config import IGNORE, NO_LABEL
from llavaction.model.picture_layout import NO_PICTURE, Size
from llavaction.model.token_layout import TokenLayout
from llavaction.processing.chat import IM_END, IM_START, Piece, PieceKind, open_answer, render_prompt
from llavaction.processing.images import join_frames, prepare_frames
from llavaction.processing.pictures import show_media
from llavaction.processing.tokenizer import load_tokenizer
from llavaction.sft.samples import MediaKind, Role, Sample, Turn
from llavaction.utils.errors import CheckpointError, ConfigError, DataError
from llavaction.utils.jsonl import read_json, write_json

PROCESSOR_FILE = "processor.json"


@dataclass(frozen=True)
class ProcessorConfig:
    """What must stay with a checkpoint for its inputs to look as in training."""

    layout: TokenLayout
    resolution: int
    num_frames: int
    system_prompt: str = "You are a helpful assistant."
    max_length: int = 32768


@dataclass(frozen=True)
class Example:
    """One sample as tensors.

    Attributes:
        input_ids: int64 `[S]` with placeholders.
        labels: int64 `[S]`, -100 where nothing is supervised.
        pixel_values: uint8 `[T, 3, R, R]`; T is 0 where nothing is shown.
        num_frames: how many of them belong to each medium, in the order of their placeholders.
        action_label: verb, noun and action id, or -1 each.
        picture_sizes: of each medium: height and width of a picture as it was, `NO_PICTURE` for a video.
    """

    sample_id: str
    input_ids: Tensor
    labels: Tensor
    pixel_values: Tensor
    num_frames: tuple[int, ...]
    action_label: tuple[int, int, int]
    picture_sizes: tuple[Size, ...] = ()


class Processor:
    """Tokenizer, chat layout and frame preparation in one; saved beside the model."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: ProcessorConfig) -> None:
        self.tokenizer = tokenizer
        self.config = config
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        self._special = {PieceKind.IM_START: vocabulary[IM_START], PieceKind.IM_END: vocabulary[IM_END]}

    def example(self, sample: Sample, media: Sequence[np.ndarray]) -> Example:
        """The whole conversation with its labels, for training.

        Args:
            media: what the sample shows, in order: frames of each medium, uint8 `[T, H, W, 3]`.

        Raises:
            DataError: when it is longer than `max_length`, nothing in it is supervised, its marks do not fit its
                media, or it has an action label but no place for an action token.
        """
        has_action_token = shows_one_video(sample)
        if sample.action is not None and not has_action_token:
            raise DataError(
                f"sample {sample.sample_id!r} has an action label, but the action token stands after exactly one clip "
                "or video; leave `action` out, or show one"
            )
        layout = self.config.layout
        shown = show_media(media, media_kinds(sample), layout.pictures, self.config.resolution)
        placeholders = [layout.placeholders(len(one.pixels), has_action_token, one.picture_size) for one in shown]
        try:
            ids, labels = self._encode(render_prompt(self.config.system_prompt, sample.turns, len(media)), placeholders)
        except DataError as error:
            raise DataError(f"sample {sample.sample_id!r}: {error}") from None
        if len(ids) > self.config.max_length:
            raise DataError(
                f"sample {sample.sample_id!r} has {len(ids)} tokens, the limit is {self.config.max_length}; use fewer "
                "frames or raise train.max_length"
            )
        # The ends of its turns are supervised too, but teach no word.
        if set(labels) <= {IGNORE, self._special[PieceKind.IM_END]}:
            raise DataError(f"sample {sample.sample_id!r} has no supervised token: its answers are empty")
        action = sample.action
        return Example(
            sample_id=sample.sample_id,
            input_ids=torch.tensor(ids),
            labels=torch.tensor(labels),
            pixel_values=join_frames((one.pixels for one in shown), self.config.resolution),
            num_frames=tuple(len(one.pixels) for one in shown),
            action_label=(NO_LABEL,) * 3 if action is None else (action.verb_id, action.noun_id, action.action_id),
            picture_sizes=tuple(one.picture_size or NO_PICTURE for one in shown),
        )

    def prompt_ids(self, turns: Iterable[Turn], num_frames: int | None) -> list[int]:
        """Ids of `turns` (the last one a question) about a clip of `num_frames`, and the opening of the answer.

        Args:
            num_frames: None where nothing is shown.
        """
        turns = list(turns)
        if not turns or turns[-1].role is not Role.USER:
            raise DataError("a prompt must end with a user turn")
        placeholders = [] if num_frames is None else [self.config.layout.placeholders(num_frames)]
        pieces = [*render_prompt(self.config.system_prompt, turns, num_media=len(placeholders)), *open_answer()]
        return self._encode(pieces, placeholders)[0]

    def answer_ids(self, text: str) -> list[int]:
        """Ids of an answer's text, as they follow `prompt_ids` in training, without the end token."""
        return self._text_ids(text)

    @property
    def end_id(self) -> int:
        """Id of the token that ends a turn."""
        return self._special[PieceKind.IM_END]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of generated ids, special tokens left out."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def pixels(self, frames: np.ndarray) -> Tensor:
        """Frames uint8 `[T, H, W, 3]` as uint8 `[T, 3, R, R]`, which the model scales."""
        return prepare_frames(frames, self.config.resolution)

    @property
    def pad_id(self) -> int:
        """Id that fills up shorter rows."""
        return int(self.tokenizer.pad_token_id)

    def save(self, folder: Path) -> None:
        """Write the tokenizer and `processor.json`."""
        self.tokenizer.save_pretrained(folder)
        write_json(folder / PROCESSOR_FILE, asdict(self.config))

    @classmethod
    def load(cls, folder: Path) -> Processor:
        """Read what `save` wrote.

        Raises:
            CheckpointError: when the folder has no processor or an unreadable one.
        """
        path = folder / PROCESSOR_FILE
        if not path.is_file():
            raise CheckpointError(f"{path}: no such file; {folder} is not a checkpoint of this project")
        try:
            row = read_json(path)
            config = ProcessorConfig(layout=TokenLayout.parse(row.pop("layout")), **row)
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise CheckpointError(f"{path}: {type(error).__name__}: {error}") from None
        return cls(load_tokenizer(str(folder)), config)

    def _encode(self, pieces: Iterable[Piece], placeholders: Sequence[list[int]]) -> tuple[list[int], list[int]]:
        """Ids and labels; the visual pieces take the placeholders of one medium after the other."""
        ids: list[int] = []
        labels: list[int] = []
        media = iter(placeholders)
        for piece in pieces:
            if piece.kind is PieceKind.TEXT:
                new = self._text_ids(piece.text)
            elif piece.kind is PieceKind.VISUAL:
                new = next(media)
            else:
                new = [self._special[piece.kind]]
            ids += new
            labels += new if piece.supervised else [IGNORE] * len(new)
        return ids, labels

    def _text_ids(self, text: str) -> list[int]:
        # split_special_tokens: "<|im_end|>" inside a narration is five harmless pieces of text, not a turn's end.
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return ids


def shows_one_video(sample: Sample) -> bool:
    """Whether a sample shows exactly one clip or video, after which action tokens stand.

    Beside pictures or a second video it would not be clear whose action is meant.
    """
    return media_kinds(sample) == [MediaKind.VIDEO]


def media_kinds(sample: Sample) -> list[MediaKind]:
    """What a sample shows, in order; a clip is a video."""
    return [MediaKind.VIDEO] if sample.clip is not None else [medium.kind for medium in sample.media]
