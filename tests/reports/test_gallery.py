"""The picture of questions: what is on it, and that nothing covers anything else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from llavaction.reports.config import GalleryConfig
from llavaction.reports.gallery import _RIGHT, _WRONG, draw_gallery
from llavaction.sft.samples import write_samples
from llavaction.utils.errors import ConfigError, DataError
from llavaction.video.layout import VideoConfig
from tests.evaluation.rows import choice
from tests.reports.conftest import question

pytestmark = pytest.mark.thorough

LONG = "put the large wooden spoon back into the second drawer below the sink"
QUESTIONS = [
    question(0, ["take plate", "put down plate", "open drawer", "wash cup", "cut onion"], 1),
    question(1, [LONG, "W" * 40, f"{LONG} again", "stir soup", "take " + "WM" * 15], 2),
    question(2, ["stir soup", "open tap"], 0),
]
RUNS = {"untrained": [0, None, 0], "hard distractors, long": [1, 2, 0], "hard + action token": [1, 1, None]}


@pytest.fixture
def draw(run_folder: Callable[..., str], videos: Path, tmp_path: Path) -> Callable[..., Path]:
    """Draws the gallery of the runs above and returns the file."""

    def make(task: str | None = "mqa", **settings: int) -> Path:
        write_samples(tmp_path / "questions.jsonl", QUESTIONS)
        runs = {
            name: run_folder(name, mqa=[choice(number, idx) for number, idx in enumerate(chosen)])
            for name, chosen in RUNS.items()
        }
        runs["without the task"] = run_folder("other", direct=[])
        config = GalleryConfig(task, str(tmp_path / "questions.jsonl"), **settings)
        path = tmp_path / "report" / "gallery.png"
        draw_gallery(config, runs, VideoConfig(str(videos), chunk_s=2.0), path)
        return path

    return make


@pytest.fixture
def figure(draw: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Figure:
    """What is drawn, before it becomes pixels."""
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    draw()
    return drawn[0]


def labels(figure: Figure) -> list[Text]:
    return [label for label in figure.findobj(Text) if isinstance(label, Text) and label.get_text()]


def test_the_file_is_a_png_wide_enough_to_read(draw: Callable[..., Path]) -> None:
    path = draw()
    pixels = matplotlib.image.imread(path)

    assert path.read_bytes().startswith(b"\x89PNG")
    assert pixels.shape[1] == 1430
    assert 300 < pixels.shape[0] < 900
    # Frames to the left: grey with a bar that wanders; the margin around them is white.
    left = pixels[:, : 1430 // 2, :3]
    assert np.all(pixels[:10, :, :3] == 1.0)
    assert np.abs(left - np.array([230, 180, 40]) / 255).max(-1).min() < 0.1


def test_each_strip_has_as_many_frames_as_asked(figure: Figure) -> None:
    strips = [axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images()]

    assert len(strips) == 3
    # Six frames of 64 pixels and five gaps of 1.
    assert {strip.shape for strip in strips if strip is not None} == {(48, 6 * 64 + 5, 3)}


def test_frames_keep_their_proportions(figure: Figure) -> None:
    boxes = [axes.get_window_extent() for axes in figure.axes if axes.get_images()]

    for box in boxes:
        assert box.width / box.height == pytest.approx((6 * 64 + 5) / 48, rel=1e-3)


def test_no_text_covers_another_or_leaves_the_picture(figure: Figure) -> None:
    boxes = {label: label.get_window_extent() for label in labels(figure)}
    strips = [axes.get_window_extent() for axes in figure.axes if axes.get_images()]
    width, height = figure.get_size_inches() * figure.dpi

    for label, box in boxes.items():
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, label.get_text()
        assert not any(box.overlaps(strip) for strip in strips), label.get_text()
    for (one, first), (two, second) in combinations(boxes.items(), 2):
        assert not first.overlaps(second), (one.get_text(), two.get_text())


def test_long_options_are_shown_whole(figure: Figure) -> None:
    shown = " ".join(
        " ".join(label.get_text().split()) for label in labels(figure) if not label.get_text().startswith("←")
    )

    assert f"A. {LONG}" in shown


def test_the_right_answer_is_green_and_the_others_are_not(figure: Figure) -> None:
    green = {" ".join(label.get_text().split()) for label in labels(figure) if label.get_color() == _RIGHT}
    options = {text for text in green if not text.startswith("←")}

    assert "B. put down plate" in options
    assert "A. stir soup" in options
    assert not {text for text in options if text.startswith(("D.", "E."))}


def test_what_the_runs_chose_stands_beside_the_option(figure: Figure) -> None:
    found = {}
    for label in labels(figure):
        if label.get_text().startswith("←"):
            y = label.get_position()[1]
            (option,) = [
                other.get_text()
                for other in labels(figure)
                if other.get_position()[1] == y and not other.get_text().startswith("←")
            ]
            found[option] = (label.get_text().replace("\N{NO-BREAK SPACE}", " "), label.get_color())

    assert found["A. take plate"] == ("← untrained", _WRONG)
    assert found["B. put down plate"][1] == _RIGHT
    assert found["B. put down plate"][0].startswith("← hard distractors, long,")


def test_a_run_without_a_choice_is_shown(figure: Figure) -> None:
    texts = [label.get_text() for label in labels(figure)]

    assert texts.count("no choice") == 2


def test_the_draw_is_fixed_and_as_large_as_asked(draw: Callable[..., Path], tmp_path: Path) -> None:
    first = draw(num_questions=2, num_frames=3).read_bytes()
    for folder in [*RUNS, "other"]:
        (tmp_path / folder).rename(tmp_path / f"old {folder}")

    assert draw(num_questions=2, num_frames=3).read_bytes() == first


def test_no_run_with_the_task_is_an_error(draw: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="no run has rows of task 'mqa_hard'"):
        draw(task="mqa_hard")


def test_samples_of_another_task_are_an_error(draw: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.reports.test_gallery.QUESTIONS", [question(77, ["a", "b"], 0)])

    with pytest.raises(DataError, match=r"questions\.jsonl: no question with options that every run"):
        draw()


def test_a_gallery_needs_a_task(draw: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match="task"):
        draw(task=None)
