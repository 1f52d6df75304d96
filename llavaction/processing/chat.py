"""The chat layout (ChatML, as Qwen uses it) as pieces of text, each supervised or not.

    <|im_start|>system\\n{system}<|im_end|>\\n
    <|im_start|>user\\n[visual]\\n{question}<|im_end|>\\n
    <|im_start|>assistant\\n{answer}<|im_end|>\\n

Only the answers and the <|im_end|> that closes them are supervised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from llavaction.sft.samples import MEDIA_MARK, Role, Turn
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError

IM_START = "<|im_start|>"
IM_END = "<|im_end|>"


class PieceKind(StrEnum):
    """How a piece becomes ids: text goes through the tokenizer, the others stand for themselves."""

    TEXT = "text"
    IM_START = IM_START
    IM_END = IM_END
    VISUAL = "visual"
    """All placeholders of the next medium."""


@dataclass(frozen=True)
class Piece:
    """A stretch of the conversation that is tokenized on its own.

    Pieces never share a token, so a prompt is always a prefix of the whole conversation. Special tokens are
    pieces of their own: text from data that spells one out stays text.
    """

    kind: PieceKind
    text: str = ""
    supervised: bool = False


def render_prompt(system: str, turns: Sequence[Turn], num_media: int) -> Iterator[Piece]:
    """The pieces of whole `turns`, media at their marks; without marks each stands on a line before the first text.

    Raises:
        DataError: when there are marks, but not one for each medium, or one in an answer.
    """
    yield from _turn("system", [Piece(PieceKind.TEXT, system)])
    for turn in place_marks(turns, num_media):
        supervised = turn.role is Role.ASSISTANT
        yield from _turn(turn.role, list(_content(turn.text, supervised)), supervised)


def place_marks(turns: Sequence[Turn], num_media: int) -> list[Turn]:
    """The turns with one mark for each medium: their own, or new ones before the first text.

    Raises:
        DataError: as `render_prompt`.
    """
    num_marks = sum(turn.text.count(MEDIA_MARK) for turn in turns)
    if any(MEDIA_MARK in turn.text for turn in turns if turn.role is Role.ASSISTANT):
        raise DataError(f"an answer holds {MEDIA_MARK!r}, which stands for pictures; take it out of the text")
    if num_marks not in (0, num_media):
        raise DataError(
            f"{num_marks} places for pictures ({MEDIA_MARK!r}) and {num_media} pictures or videos; each needs one "
            "place, or leave all out to show them before the text"
        )
    if num_marks == num_media:
        return list(turns)
    first = replace(turns[0], text=f"{MEDIA_MARK}\n" * num_media + turns[0].text)
    return [first, *turns[1:]]


def open_answer() -> Iterator[Piece]:
    """What stands before an answer that the model is to give."""
    yield Piece(PieceKind.IM_START)
    yield Piece(PieceKind.TEXT, f"{Role.ASSISTANT}\n")


def _content(text: str, supervised: bool) -> Iterator[Piece]:
    for number, words in enumerate(text.split(MEDIA_MARK)):
        if number:
            yield Piece(PieceKind.VISUAL)
        if words:
            yield Piece(PieceKind.TEXT, words, supervised)


def _turn(role: str, content: list[Piece], supervised: bool = False) -> Iterator[Piece]:
    yield Piece(PieceKind.IM_START)
    yield Piece(PieceKind.TEXT, f"{role}\n")
    yield from content
    yield Piece(PieceKind.IM_END, supervised=supervised)
    yield Piece(PieceKind.TEXT, "\n")
