from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llavaction.utils.errors import DataError
from llavaction.utils.paths import inside
from tests.properties import reproducible

FOLDER = Path("/data/videos")


def test_plain_names_are_joined() -> None:
    assert inside(FOLDER, "P01", "P01_01.MP4") == FOLDER / "P01" / "P01_01.MP4"


@pytest.mark.parametrize("name", ["", ".", "..", "/etc/passwd", "a/b", "../x", "a\\b", "a\0b", "/"])
def test_other_names_are_refused_by_name(name: str) -> None:
    with pytest.raises(DataError) as failure:
        inside(FOLDER, "P01", name)
    assert repr(name) in str(failure.value)
    assert str(FOLDER) in str(failure.value)


names = st.text(st.sampled_from(["a", ".", "/", "\\", "\0", " ", "~", "é"]), max_size=6)


@reproducible
@given(st.lists(names, min_size=1, max_size=3))
@example(["..", "videos"])
@example(["...", "~"])
def test_no_name_escapes(parts: list[str]) -> None:
    try:
        path = inside(FOLDER, *parts)
    except DataError:
        return
    normal = Path(os.path.normpath(path))
    assert normal.is_relative_to(FOLDER)
    assert len(normal.parts) == len(FOLDER.parts) + len(parts)


@reproducible
@given(st.text(st.characters(categories=["L", "N"], include_characters="_-. "), min_size=3, max_size=12))
def test_ids_of_letters_digits_and_dots_are_allowed(name: str) -> None:
    assert inside(FOLDER, name) == FOLDER / name
