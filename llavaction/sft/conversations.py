"""One entry of a LLaVA-style file of conversations, checked.

The format of LLaVA-1.5, LLaVA-OneVision and LLaVA-Video-178K::

    {"id": "164-0", "video": "academic/164.mp4", "data_source": "0_30_s_academic",
     "conversations": [{"from": "human", "value": "<image>\\nWhat happens?"}, {"from": "gpt", "value": "A dog barks."}]}

`image` instead of `video` names a picture; either may be a list, or be missing where nothing is shown. Other fields
are not looked at. A tag, `<image>` or `<video>`, in a human turn is where the next file is shown: as many tags as
files, or none, which shows all files before the first text; so does a single tag at the very start or end of the first
turn. In answers a tag is text like any other. (LLaVA-Video-178K writes `<image>` for its videos.)
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from llavaction.sft.samples import MEDIA_MARK, MediaKind, MediaRef, Role, Turn
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError
from llavaction.utils.paths import inside

SPEAKERS = {"human": Role.USER, "gpt": Role.ASSISTANT}
TAG = re.compile("<image>|<video>")
OUTER_TAG = re.compile(rf"\A\s*(?:{TAG.pattern})\s*|\s*(?:{TAG.pattern})\s*\Z")


class Fault(StrEnum):
    """Why an entry is no sample."""

    FIELDS = "fields"
    """A field is missing, or is not of its type."""
    SYSTEM_TURN = "system_turn"
    """It brings a system prompt; the processor has one, the same for all samples."""
    TURN_ORDER = "turn_order"
    """Turns do not alternate between human and gpt, or the last is no answer."""
    TEXT = "text"
    """A text is empty, or holds characters that cannot be written or mean something here."""
    TAGS = "tags"
    """Tags and files do not fit each other."""
    PATH = "path"
    """A file's name would leave the folder of the media."""


class BrokenEntryError(DataError):
    """An entry that is no sample, and why."""

    def __init__(self, fault: Fault, problem: str) -> None:
        super().__init__(problem)
        self.fault = fault


class Conversation(NamedTuple):
    """An entry that is in order; `entry_id` is empty where it has none."""

    entry_id: str
    turns: tuple[Turn, ...]
    media: tuple[MediaRef, ...]


def parse_entry(entry: Any) -> Conversation:
    """Check an entry and put marks where its tags are.

    Raises:
        BrokenEntryError: when it is no sample.
    """
    if not isinstance(entry, dict):
        raise BrokenEntryError(Fault.FIELDS, f"expected a JSON object, found {type(entry).__name__}")
    entry_id = entry.get("id")
    if isinstance(entry_id, int):
        entry_id = str(entry_id)
    name = "" if entry_id is None else _text(entry_id, "its `id`")
    media = _media(entry)
    turns = _turns(entry.get("conversations"))
    return Conversation(name, _place_media(turns, media), media)


def _media(entry: dict[str, Any]) -> tuple[MediaRef, ...]:
    media: list[MediaRef] = []
    for kind in MediaKind:
        files = entry.get(kind.value)
        paths = [] if files is None else files if isinstance(files, list) else [files]
        for path in paths:
            names = _text(path, f"the path of a file in `{kind}`").split("/")
            try:
                inside(Path("media"), *names)
            except DataError as error:
                raise BrokenEntryError(Fault.PATH, f"{kind} {path!r}: {error}") from None
            media.append(MediaRef(kind, path))
    if len({medium.kind for medium in media}) > 1:
        raise BrokenEntryError(Fault.TAGS, "it has both `image` and `video`; which tag shows which is not said")
    return tuple(media)


def _turns(conversations: Any) -> list[Turn]:
    if not isinstance(conversations, list) or not all(isinstance(turn, dict) for turn in conversations):
        raise BrokenEntryError(Fault.FIELDS, "`conversations` is missing, or no list of objects")
    speakers = [turn.get("from") for turn in conversations]
    if "system" in speakers:
        raise BrokenEntryError(Fault.SYSTEM_TURN, "it has a system turn; all samples share the processor's own")
    if not speakers or speakers != ["human", "gpt"] * (len(speakers) // 2):
        raise BrokenEntryError(Fault.TURN_ORDER, f"turns must alternate human, gpt and end with gpt; found {speakers}")
    return [Turn(SPEAKERS[turn["from"]], _text(turn.get("value"), "the `value` of a turn")) for turn in conversations]


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise BrokenEntryError(Fault.FIELDS, f"{what} is {value!r}; expected a text")
    if not value.strip():
        raise BrokenEntryError(Fault.TEXT, f"{what} is empty")
    if MEDIA_MARK in value:
        raise BrokenEntryError(Fault.TEXT, f"{what} holds {MEDIA_MARK!r}, which stands for pictures here")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BrokenEntryError(Fault.TEXT, f"{what} holds half of a surrogate pair: {value[:80]!r}") from None
    return value


def _place_media(turns: list[Turn], media: tuple[MediaRef, ...]) -> tuple[Turn, ...]:
    """The turns with marks instead of tags, or with neither where all media stand before the first text."""
    tags = [tag for turn in turns if turn.role is Role.USER for tag in TAG.findall(turn.text)]
    if not tags:
        return tuple(turns)
    if len(tags) != len(media):
        raise BrokenEntryError(Fault.TAGS, f"{len(tags)} tags ({', '.join(tags[:4])}) and {len(media)} files")
    if "<video>" in tags and media[0].kind is MediaKind.IMAGE:
        raise BrokenEntryError(Fault.TAGS, "a <video> tag, but its files are images")
    if len(tags) == 1 and OUTER_TAG.search(turns[0].text):
        return (Turn(Role.USER, OUTER_TAG.sub("", turns[0].text)), *turns[1:])
    return tuple(Turn(turn.role, TAG.sub(MEDIA_MARK, turn.text)) if turn.role is Role.USER else turn for turn in turns)
