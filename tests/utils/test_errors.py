from __future__ import annotations

import pytest

from llavaction.utils.errors import CheckpointError, ConfigError, DataError, LlavactionError, VideoError, nearest


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("trian", "; did you mean 'train'?"),
        ("train", "; did you mean 'train'?"),
        ("validaton", "; did you mean 'validation'?"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_nearest(word: str, hint: str) -> None:
    assert nearest(word, iter(["train", "validation", "test"])) == hint


def test_nearest_among_none() -> None:
    assert nearest("train", []) == ""


@pytest.mark.parametrize("error", [CheckpointError, ConfigError, DataError, VideoError])
def test_all_are_errors_a_user_can_mend(error: type[Exception]) -> None:
    assert issubclass(error, LlavactionError)
