from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.sft.exports.clips import ClipFiles
from llavaction.sft.samples import ClipRef, Sample, TimeSpan
from llavaction.utils.errors import DataError
from tests.properties import reproducible
from tests.sft.exports.folders import DETECTION, ORDER, QUESTION, TEXT, samples


def at(sample: Sample, start_s: float, stop_s: float, video_id: str = "P01_11") -> Sample:
    """The sample with another clip."""
    return replace(sample, clip=ClipRef(video_id, start_s, stop_s))


def test_a_segments_own_clip_and_other_stretches() -> None:
    clips = ClipFiles()
    assert clips.name(QUESTION) == "P01/P01_11_0.mp4"
    assert clips.name(ORDER) == "P01/P01_11_1.mp4"
    assert clips.name(DETECTION) == "P01/P01_11_0_0_7500.mp4"
    assert clips.name(at(DETECTION, 1.2345, 62.5)) == "P01/P01_11_0_1234_62500.mp4"


def test_names_do_not_depend_on_what_comes_first() -> None:
    clips = ClipFiles()
    assert clips.name(DETECTION) == "P01/P01_11_0_0_7500.mp4"
    assert clips.name(QUESTION) == "P01/P01_11_0.mp4"


def test_one_file_for_one_stretch() -> None:
    clips = ClipFiles()
    other = replace(ORDER, clip=QUESTION.clip)
    assert clips.name(QUESTION) == clips.name(other) == clips.name(at(QUESTION, 0.0004, 1.8904))
    assert clips.name(replace(DETECTION, clip=QUESTION.clip)) == clips.name(QUESTION)


def test_a_segment_with_two_stretches_has_two_files() -> None:
    clips = ClipFiles()
    assert clips.name(QUESTION) == "P01/P01_11_0.mp4"
    assert clips.name(at(QUESTION, 0.0, 3.0)) == "P01/P01_11_0_0_3000.mp4"


def test_a_clip_without_segment_is_named_after_its_video() -> None:
    assert ClipFiles().name(replace(TEXT, clip=QUESTION.clip)) == "P01/P01_11_0_1890.mp4"


def test_two_stretches_never_share_a_file() -> None:
    clips = ClipFiles()
    clips.name(replace(QUESTION, segment_id="P01_11_0_1000"))
    clips.name(at(replace(QUESTION, segment_id="a_0_1000"), 5.0, 6.0))
    with pytest.raises(DataError, match=r"'when/P01_11_0': P01/a_0_1000\.mp4 already shows another stretch"):
        clips.name(at(replace(DETECTION, segment_id="a", target=TimeSpan(0, 1)), 0.0, 1.0))


@pytest.mark.parametrize("video_id", ["../P01_11", "/P01_11", "a/b_1", "_11", "..", "._1"])
def test_a_video_id_does_not_leave_the_folder(video_id: str) -> None:
    with pytest.raises(DataError, match=r"sample 'mqa/P01_11_0': .* is not a plain file name"):
        ClipFiles().name(at(QUESTION, 0, 1, video_id))


@pytest.mark.parametrize("segment_id", ["../x", "a/b", "a\\b", "a\0"])
def test_a_segment_id_does_not_leave_the_folder(segment_id: str) -> None:
    with pytest.raises(DataError, match=r"sample 'mqa/P01_11_0': .* is not a plain file name"):
        ClipFiles().name(replace(QUESTION, segment_id=segment_id))


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(DataError, match=r"'mqa/P01_11_0': its clip .* is shorter than a millisecond"):
        ClipFiles().name(at(QUESTION, 1.0, 1.0004))
    with pytest.raises(DataError, match=r"'replay/1': it shows no clip"):
        ClipFiles().name(TEXT)


def test_the_list_of_clips(tmp_path: Path) -> None:
    clips = ClipFiles()
    for sample in (ORDER, DETECTION, QUESTION, QUESTION, at(QUESTION, 0.1, 0.2, "P01_02")):
        clips.name(sample)
    assert clips.write(tmp_path / "clips.csv") == 4
    assert (tmp_path / "clips.csv").read_text() == (
        "file,video_id,start_s,stop_s\n"
        "P01/P01_11_0_100_200.mp4,P01_02,0.100,0.200\n"
        "P01/P01_11_0.mp4,P01_11,0.000,1.890\n"
        "P01/P01_11_0_0_7500.mp4,P01_11,0.000,7.500\n"
        "P01/P01_11_1.mp4,P01_11,4.250,5.000\n"
    )


@reproducible
@given(st.lists(samples().filter(lambda sample: sample.clip is not None), min_size=1, max_size=8))
def test_files_and_stretches_are_one_to_one(tmp_path_factory: pytest.TempPathFactory, shown: list[Sample]) -> None:
    clips = ClipFiles()
    names = [clips.name(sample) for sample in shown]
    path = tmp_path_factory.mktemp("clips") / "clips.csv"
    clips.write(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    stretch_of = {row["file"]: (row["video_id"], float(row["start_s"]), float(row["stop_s"])) for row in rows}
    assert len(stretch_of) == len(rows) == len(set(names)) == len(set(stretch_of.values()))
    for name, sample in zip(names, shown, strict=True):
        clip = sample.shown_clip
        assert stretch_of[name] == (clip.video_id, clip.start_s, clip.stop_s)
