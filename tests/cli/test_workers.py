"""Errors that come out of a DataLoader's worker, wrapped in its traceback."""

from __future__ import annotations

import pytest
from torch.utils.data import DataLoader, Dataset

from llavaction.cli import report as report_command
from llavaction.cli.main import USER_ERROR, _own_words, main
from llavaction.utils.errors import DataError, VideoError

MESSAGE = "sample 'mqa/x': video P01_01, 1 s to 2 s: P01_01.MP4: no such file; check video.folder"


class Broken(Dataset[int]):
    """Fails on every item, as clips do: an error of the decoder inside one that names the sample."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, item: int) -> int:
        try:
            raise VideoError("no such file")
        except VideoError as error:
            raise VideoError(MESSAGE) from error


@pytest.fixture(scope="module")
def from_worker() -> VideoError:
    """What a loop over a DataLoader with a worker raises."""
    with pytest.raises(VideoError) as caught:
        next(iter(DataLoader(Broken(), num_workers=1)))
    return caught.value


def test_the_workers_traceback_is_left_out(from_worker: VideoError) -> None:
    assert "Original Traceback" in str(from_worker)
    assert _own_words(from_worker) == MESSAGE


def test_it_is_one_line_for_the_user(
    from_worker: VideoError, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(words: list[str]) -> None:
        raise from_worker

    monkeypatch.setattr(report_command, "main", fail)

    assert main(["report"]) == USER_ERROR
    assert capsys.readouterr().err == f"error: {MESSAGE}\n"


def test_other_errors_are_left_as_they_are() -> None:
    assert _own_words(DataError("file.csv: DataError: odd")) == "file.csv: DataError: odd"
