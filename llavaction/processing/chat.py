"""The chat layout (ChatML, as Qwen uses it) as pieces of text, each supervised or not.

    <|im_start|>system\\n{system}<|im_end|>\\n
    <|im_start|>user\\n[video]\\n{question}<|im_end|>\\n
    <|im_start|>assistant\\n{answer}<|im_end|>\\n

Only the answers and the <|im_end|> that closes them are supervised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llavaction.sft.samples import Role, Turn
from llavaction.utils.enums import StrEnum

IM_START = "<|im_start|>"
IM_END = "<|im_end|>"


class PieceKind(StrEnum):
    """How a piece becomes ids: text goes through the tokenizer, the others stand for themselves."""

    TEXT = "text"
    IM_START = IM_START
    IM_END = IM_END
    VIDEO = "video"


@dataclass(frozen=True)
class Piece:
    """A stretch of the conversation that is tokenized on its own.

    Pieces never share a token, so a prompt is always a prefix of the whole conversation. Special tokens are
    pieces of their own: text from data that spells one out stays text.
    """

    kind: PieceKind
    text: str = ""
    supervised: bool = False


def render_prompt(system: str, turns: Sequence[Turn], has_video: bool) -> Iterator[Piece]:
    """The pieces of whole `turns`; the video stands before the first user text."""
    yield from _turn("system", [Piece(PieceKind.TEXT, system)])
    for number, turn in enumerate(turns):
        supervised = turn.role is Role.ASSISTANT
        if number == 0 and has_video:
            content = [Piece(PieceKind.VIDEO), Piece(PieceKind.TEXT, "\n" + turn.text)]
        else:
            content = [Piece(PieceKind.TEXT, turn.text, supervised)]
        yield from _turn(turn.role, content, supervised)


def open_answer() -> Iterator[Piece]:
    """What stands before an answer that the model is to give."""
    yield Piece(PieceKind.IM_START)
    yield Piece(PieceKind.TEXT, f"{Role.ASSISTANT}\n")


def _turn(role: str, content: list[Piece], supervised: bool = False) -> Iterator[Piece]:
    yield Piece(PieceKind.IM_START)
    yield Piece(PieceKind.TEXT, f"{role}\n")
    yield from content
    yield Piece(PieceKind.IM_END, supervised=supervised)
    yield Piece(PieceKind.TEXT, "\n")
