"""From a sample and its frames to ids, labels and pixels.

S sequence, T frames, R resolution.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from llavaction.model.config import IGNORE, NO_LABEL, NewlinePosition
from llavaction.model.token_layout import TokenLayout
from llavaction.processing.chat import IM_END, IM_START, Piece, PieceKind, open_answer, render_prompt
from llavaction.processing.images import prepare_frames
from llavaction.processing.tokenizer import load_tokenizer
from llavaction.sft.samples import Role, Sample, Turn
from llavaction.utils.errors import CheckpointError, DataError
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
        pixel_values: float32 `[T, 3, R, R]`.
        action_label: verb, noun and action id, or -1 each.
    """

    sample_id: str
    input_ids: Tensor
    labels: Tensor
    pixel_values: Tensor
    action_label: tuple[int, int, int]


class Processor:
    """Tokenizer, chat layout and frame preparation in one; saved beside the model."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: ProcessorConfig) -> None:
        self.tokenizer = tokenizer
        self.config = config
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        self._special = {PieceKind.IM_START: vocabulary[IM_START], PieceKind.IM_END: vocabulary[IM_END]}

    def example(self, sample: Sample, frames: np.ndarray) -> Example:
        """The whole conversation with its labels, for training.

        Raises:
            DataError: when it is longer than `max_length` or nothing in it is supervised.
        """
        pieces = render_prompt(self.config.system_prompt, sample.turns, has_video=True)
        ids, labels = self._encode(pieces, len(frames))
        if len(ids) > self.config.max_length:
            raise DataError(
                f"sample {sample.sample_id!r} has {len(ids)} tokens, the limit is {self.config.max_length}; use fewer "
                "frames or raise train.max_length"
            )
        if all(label == IGNORE for label in labels):
            raise DataError(f"sample {sample.sample_id!r} has no supervised token: its answers are empty")
        action = sample.action
        return Example(
            sample_id=sample.sample_id,
            input_ids=torch.tensor(ids),
            labels=torch.tensor(labels),
            pixel_values=self.pixels(frames),
            action_label=(NO_LABEL,) * 3 if action is None else (action.verb_id, action.noun_id, action.action_id),
        )

    def prompt_ids(self, turns: Iterable[Turn], num_frames: int) -> list[int]:
        """Ids of `turns` (the last one a question) and the opening of the answer."""
        turns = list(turns)
        if not turns or turns[-1].role is not Role.USER:
            raise DataError("a prompt must end with a user turn")
        pieces = [*render_prompt(self.config.system_prompt, turns, has_video=True), *open_answer()]
        return self._encode(pieces, num_frames)[0]

    def answer_ids(self, text: str) -> list[int]:
        """Ids of an answer's text, as they follow `prompt_ids` in training, without the end token."""
        return self._encode([Piece(PieceKind.TEXT, text)], 0)[0]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of generated ids, special tokens left out."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def pixels(self, frames: np.ndarray) -> Tensor:
        """Frames uint8 `[T, H, W, 3]` as float32 `[T, 3, R, R]`."""
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
            layout = dict(row.pop("layout"))
            newline = NewlinePosition(layout.pop("newline"))
            config = ProcessorConfig(layout=TokenLayout(newline=newline, **layout), **row)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: {type(error).__name__}: {error}") from None
        return cls(load_tokenizer(str(folder)), config)

    def _encode(self, pieces: Iterable[Piece], num_frames: int) -> tuple[list[int], list[int]]:
        ids: list[int] = []
        labels: list[int] = []
        for piece in pieces:
            if piece.kind is PieceKind.TEXT:
                new = self._text_ids(piece.text)
            elif piece.kind is PieceKind.VIDEO:
                new = self.config.layout.placeholders(num_frames)
            else:
                new = [self._special[piece.kind]]
            ids += new
            labels += new if piece.supervised else [IGNORE] * len(new)
        return ids, labels

    def _text_ids(self, text: str) -> list[int]:
        # split_special_tokens: "<|im_end|>" inside a narration is five harmless pieces of text, not a turn's end.
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return ids
