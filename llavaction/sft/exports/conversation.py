"""What a sample shows as files, and its turns with a tag wherever one of them is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from llavaction.sft.exports.clips import ClipFiles
from llavaction.sft.samples import MEDIA_MARK, MediaKind, MediaRef, Role, Sample
from llavaction.utils.errors import DataError
from llavaction.utils.paths import inside


def shown_files(sample: Sample, clips: ClipFiles) -> list[MediaRef]:
    """The files that a sample shows, in order: the one its clip is cut into, or its media, or none.

    Raises:
        DataError: when a name would leave the folder of the files.
    """
    if sample.clip is not None:
        return [MediaRef(MediaKind.VIDEO, clips.name(sample))]
    for item in sample.media:
        try:
            inside(Path(), *item.path.split("/"))
        except DataError as error:
            raise DataError(f"sample {sample.sample_id!r}: media {item.path!r}: {error}") from None
    return list(sample.media)


def tagged_texts(sample: Sample, tags: Sequence[str], gap: str, reserved: Sequence[str]) -> list[str]:
    """The turns' texts, with one tag for each file that is shown.

    Args:
        tags: one per shown file. They take the places of the marks; without marks they open the first turn.
        gap: what stands after each tag that opens the first turn.
        reserved: words that the framework counts as tags, wherever they stand.

    Raises:
        DataError: when a text has such a word, or marks and files do not fit each other.
    """
    num_marks = 0
    for turn in sample.turns:
        for word in reserved:
            if word in turn.text:
                raise DataError(
                    f"sample {sample.sample_id!r}: its text has {word}, which would be read as a picture or video; "
                    "mend the source, or leave the view out with export.views"
                )
        if turn.role is Role.ASSISTANT and MEDIA_MARK in turn.text:
            raise DataError(f"sample {sample.sample_id!r}: a mark for media stands in an answer")
        num_marks += turn.text.count(MEDIA_MARK)
    texts = [turn.text for turn in sample.turns]
    if num_marks == 0:
        return ["".join(tag + gap for tag in tags) + texts[0], *texts[1:]]
    if num_marks != len(tags):
        raise DataError(f"sample {sample.sample_id!r}: {num_marks} marks for media, but it shows {len(tags)} files")
    remaining = iter(tags)
    return [re.sub(MEDIA_MARK, lambda _: next(remaining), text) for text in texts]
