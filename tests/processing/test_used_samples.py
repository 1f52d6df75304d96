"""The list of samples in a run folder."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from llavaction.processing.mixture import Mixture
from llavaction.processing.used_samples import SAMPLES_FILE, read_used, record_samples
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import ConfigError
from llavaction.utils.runs import record_run

TIMES = {
    "mqa": {f"mqa/random/{number}": 1 + (number % 3 == 0) for number in range(2500)},
    "replay": {"replay/mix/ü": 5},
}
MIXTURE = Mixture([], TIMES, {}, {}, {"a.jsonl": "aa", "b.jsonl": "bb"}, ClassTable((), (), (), {}), {})


def begin(folder: Path) -> str:
    digest = record_samples(folder, MIXTURE, resumes=False, writes=True)
    record_run(folder, "train", "", MIXTURE.hashes, samples_sha256=digest)
    return digest


def test_every_sample_and_how_often_it_comes(tmp_path: Path) -> None:
    digest = begin(tmp_path)
    text = (tmp_path / SAMPLES_FILE).read_text(encoding="utf-8")

    assert read_used(tmp_path / SAMPLES_FILE) == TIMES
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    assert text.splitlines()[-1] == '{"dataset":"replay","sample_ids":["replay/mix/ü"],"times":5}'
    assert len(text.splitlines()) == 4


def test_one_process_writes(tmp_path: Path) -> None:
    digest = record_samples(tmp_path, MIXTURE, resumes=False, writes=False)

    assert not (tmp_path / SAMPLES_FILE).exists()
    assert digest == begin(tmp_path)


@pytest.mark.parametrize("writes", [True, False])
def test_a_run_goes_on_with_the_same_samples(tmp_path: Path, writes: bool) -> None:
    digest = begin(tmp_path)
    moved = replace(MIXTURE, hashes={"elsewhere/b.jsonl": "bb", "elsewhere/a.jsonl": "aa"})

    assert record_samples(tmp_path, moved, resumes=True, writes=writes) == digest


def test_a_run_that_has_not_saved_anything_may_begin_with_others(tmp_path: Path) -> None:
    begin(tmp_path)
    record_samples(tmp_path, replace(MIXTURE, times={"mqa": {"x": 1}}), resumes=False, writes=True)

    assert read_used(tmp_path / SAMPLES_FILE) == {"mqa": {"x": 1}}


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (
            {**TIMES, "mqa": {**TIMES["mqa"], "mqa/random/7": 3}},
            r"mqa gave 3334 per epoch, now 3336; 'mqa/random/7' came 1 times, now 3",
        ),
        ({"mqa": TIMES["mqa"]}, "replay gave 5 per epoch, now 0; 'replay/mix/ü' came 5 times, now 0"),
        ({**TIMES, "mqa": dict(reversed(TIMES["mqa"].items()))}, "the same ones in another order"),
    ],
)
@pytest.mark.parametrize("writes", [True, False])
def test_a_run_does_not_go_on_with_other_samples(
    tmp_path: Path, times: dict[str, dict[str, int]], text: str, writes: bool
) -> None:
    begin(tmp_path)
    before = (tmp_path / SAMPLES_FILE).read_bytes()
    with pytest.raises(ConfigError, match=rf"holds a run on other samples \({text}\).*output=FOLDER"):
        record_samples(tmp_path, replace(MIXTURE, times=times), resumes=True, writes=writes)

    assert (tmp_path / SAMPLES_FILE).read_bytes() == before


def test_a_run_does_not_go_on_with_files_of_other_content(tmp_path: Path) -> None:
    begin(tmp_path)
    changed = replace(MIXTURE, hashes={"a.jsonl": "aa", "b.jsonl": "cc"})
    with pytest.raises(ConfigError, match=r"^b\.jsonl is not what it was when the run in .* began"):
        record_samples(tmp_path, changed, resumes=True, writes=True)
