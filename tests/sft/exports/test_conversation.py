from __future__ import annotations

from dataclasses import replace

import pytest

from llavaction.sft.exports.clips import ClipFiles
from llavaction.sft.exports.conversation import shown_files, tagged_texts
from llavaction.sft.samples import MEDIA_MARK, MediaKind, MediaRef
from llavaction.utils.errors import DataError
from tests.sft.exports.folders import BOTH, PICTURES, QUESTION, TEXT, media, turns


def test_what_is_shown() -> None:
    assert shown_files(QUESTION, ClipFiles()) == [MediaRef(MediaKind.VIDEO, "P01/P01_11_0.mp4")]
    assert shown_files(BOTH, ClipFiles()) == list(BOTH.media)
    assert shown_files(TEXT, ClipFiles()) == []


@pytest.mark.parametrize("path", ["../a.jpg", "/a.jpg", "a//b.jpg", "a/../../b.jpg", "a\\b.jpg", ""])
def test_media_do_not_leave_their_folder(path: str) -> None:
    with pytest.raises(DataError, match=r"sample 'replay/1': media .* is not a plain file name"):
        shown_files(replace(TEXT, media=media("good.jpg", path)), ClipFiles())


def test_without_marks_the_tags_open_the_first_turn() -> None:
    assert tagged_texts(BOTH, ["<i>", "<v>"], "\n", []) == ["<i>\n<v>\nAnd these?", "Two."]
    assert tagged_texts(TEXT, [], "\n", []) == ["Hello?", "Hello."]


def test_marks_become_tags_in_their_places() -> None:
    assert tagged_texts(PICTURES, ["<1>", "<2>"], "\n", []) == ["Compare <1> with", "yes", "and <2>?", "no"]


def test_a_clip_can_stand_at_a_mark() -> None:
    sample = replace(QUESTION, turns=turns(f"In {MEDIA_MARK}, what?", "take"))
    assert tagged_texts(sample, ["<v>"], "\n", []) == ["In <v>, what?", "take"]


@pytest.mark.parametrize("tags", [[], ["<1>"], ["<1>", "<2>", "<3>"]])
def test_marks_and_files_have_to_fit(tags: list[str]) -> None:
    with pytest.raises(DataError, match=rf"'replay/2': 2 marks for media, but it shows {len(tags)} files"):
        tagged_texts(PICTURES, tags, "", [])


def test_a_mark_in_an_answer_is_refused() -> None:
    with pytest.raises(DataError, match="'replay/1': a mark for media stands in an answer"):
        tagged_texts(replace(TEXT, turns=turns("a", MEDIA_MARK)), [], "", [])


@pytest.mark.parametrize("texts", [("a <image> b", "c"), ("a", "<image>")])
def test_words_that_would_be_tags_are_refused(texts: tuple[str, str]) -> None:
    with pytest.raises(DataError, match=r"'replay/1': its text has <image>, .* leave the view out with export\.views"):
        tagged_texts(replace(TEXT, turns=turns(*texts)), [], "", ["<video>", "<image>"])
