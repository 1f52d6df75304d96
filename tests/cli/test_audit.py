"""`llavaction audit` from samples to a rate, as a person would use it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llavaction.cli.main import USER_ERROR, main
from llavaction.reports.audit.sheet import Verdict, read_sheet, to_csv
from llavaction.sft.samples import ClipRef, write_samples
from llavaction.video.encoding import write_h264
from tests.reports.audit.conftest import CLASSES, sample

pytestmark = pytest.mark.thorough


@pytest.fixture
def kitchen(tmp_path: Path) -> Path:
    """Samples of two strategies, the last of each about a video that is not there, and the video of the others."""
    for strategy in ("random", "specialist"):
        lost = sample(9, strategy, clip=ClipRef("P09_09", 0.0, 1.0))
        samples = [*[sample(number, strategy) for number in range(6)], lost]
        write_samples(tmp_path / strategy / "validation_mqa.jsonl", samples)
        CLASSES.save(tmp_path / strategy)
    frames = np.random.default_rng(0).integers(0, 255, (50, 48, 64, 3), np.uint8)
    write_h264(tmp_path / "videos" / "P01" / "P01_01.MP4" / "0.MP4", frames, 10)
    return tmp_path


@pytest.fixture
def draw(kitchen: Path) -> Callable[..., Path]:
    """Draws questions of both strategies and returns the output folder."""

    def make(*overrides: str) -> Path:
        files = ",".join(str(kitchen / name / "validation_mqa.jsonl") for name in ("random", "specialist"))
        output = kitchen / "audit"
        assert main(["audit", f"audit.samples=[{files}]", f"output={output}", *overrides]) == 0
        return output

    return make


def fill(output: Path, file: Path, words: dict[int, Verdict]) -> str:
    """A filled copy of the drawn sheet: all valid, save the rows in `words`."""
    rows = [
        replace(row, verdict=words.get(number, Verdict.VALID))
        for number, row in enumerate(read_sheet(output / "audit.csv"))
    ]
    file.write_text(to_csv(rows).replace(",", ";"), encoding="utf-8", newline="")
    return str(file)


def test_a_page_and_a_sheet_are_drawn(draw: Callable[..., Path], kitchen: Path) -> None:
    output = draw(f"paths.videos={kitchen}/videos")
    html = (output / "audit.html").read_text(encoding="utf-8")
    rows = read_sheet(output / "audit.csv")

    assert len(rows) == 14 * 4
    assert html.count('<section class="question">') == 14
    assert html.count("data:image/jpeg;base64,") == 12 * 6
    # One video that is not there does not end the page.
    assert html.count("no folder of chunks for video &#x27;P09_09&#x27;") == 2
    assert "Without frames: 2 of 14 questions" in html
    log = (output / "log.txt").read_text()
    assert "drew all 14 questions; 100 were asked for" in log
    assert "mqa/random/P01_01_9: no frames: " in log
    assert json.loads((output / "run.json").read_text())["command"] == "audit"


def test_the_same_command_draws_the_same(draw: Callable[..., Path]) -> None:
    first = draw("audit.num_questions=5")
    files = {name: (first / name).read_bytes() for name in ("audit.html", "audit.csv", "drawing.json")}

    again = draw("audit.num_questions=5")
    assert {name: (again / name).read_bytes() for name in files} == files
    other = draw("audit.num_questions=5", "audit.seed=1")
    assert (other / "drawing.json").read_bytes() != files["drawing.json"]


def test_without_videos_the_page_says_why_it_shows_none(draw: Callable[..., Path]) -> None:
    html = (draw() / "audit.html").read_text(encoding="utf-8")

    assert html.count("no videos were given; draw again with paths.videos=FOLDER") == 14
    assert "data:image" not in html


def test_verdicts_become_rates(draw: Callable[..., Path], kitchen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = draw()
    anna = fill(output, kitchen / "anna.csv", {0: Verdict.ALSO_CORRECT, 1: Verdict.UNCLEAR})
    ben = fill(output, kitchen / "ben.csv", {0: Verdict.ALSO_CORRECT})
    capsys.readouterr()

    assert main(["audit", f"audit.verdicts=[{anna},{ben}]", f"output={output}"]) == 0
    found = json.loads((output / "audit.json").read_text())
    shown = capsys.readouterr().out
    rate = found["rates"]["all"]["also_correct"]
    assert (rate["count"], rate["total"]) == (1, 56)
    assert 0 == rate["low"] < 1 / 56 < rate["high"] < 0.15
    assert list(found["rates"]) == ["all", "strategy random", "strategy specialist", "rater anna", "rater ben"]
    assert found["agreement"]["num_distractors"] == 56
    assert "1.8" in shown and "(0.0–5.4)" in shown and "Cohen's kappa" in shown
    assert (output / "audit.md").read_text(encoding="utf-8").startswith("## Distractors that are also correct")
    hashes = json.loads((output / "run.json").read_text())["data_sha256"]
    assert set(hashes) == {anna, ben, *json.loads((output / "drawing.json").read_text())["samples_sha256"]}


def test_samples_built_anew_do_not_take_old_verdicts(
    draw: Callable[..., Path], kitchen: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = draw()
    anna = fill(output, kitchen / "anna.csv", {})
    texts = ["take plate", "grab cup", "put plate", "put down mug", "rinse plate"]
    write_samples(
        kitchen / "random" / "validation_mqa.jsonl",
        [sample(number, "random", texts) for number in (*range(6), 9)],
    )

    assert main(["audit", f"audit.verdicts={anna}", f"output={output}"]) == USER_ERROR
    assert "'put down cup' in the sheet and 'put down mug' in the sample file" in capsys.readouterr().err


def test_a_filled_sheet_is_not_written_over(
    draw: Callable[..., Path], kitchen: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = draw()
    fill(output, output / "audit.csv", {})
    before = (output / "audit.csv").read_bytes()
    samples = f"audit.samples={kitchen}/random/validation_mqa.jsonl"

    assert main(["audit", samples, f"output={output}"]) == USER_ERROR
    assert "audit.csv is filled in already; draw into another folder" in capsys.readouterr().err
    assert (output / "audit.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ([], "nothing to audit; draw questions with audit.samples=FILE"),
        (["audit.verdicts=a.csv"], "drawing.json: no such file; set output=FOLDER"),
        (["audit.samples=none.jsonl"], "none.jsonl: no such file"),
    ],
)
def test_what_is_missing_is_named(
    overrides: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", f"output={tmp_path}/out", *overrides]) == USER_ERROR
    error = capsys.readouterr().err
    assert error.startswith("error: ") and text in error
    assert not (tmp_path / "out").exists()
