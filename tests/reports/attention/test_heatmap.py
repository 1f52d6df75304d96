"""The picture of heat maps: which rows and frames are on it, and that nothing covers anything else."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from llavaction.evaluation.attention.config import AttentionConfig
from llavaction.evaluation.attention.places import Query
from llavaction.evaluation.attention.records import Run
from llavaction.reports.attention.heatmap import _evenly, draw_heatmaps
from llavaction.reports.attention.overlay import lay_over, strengths
from llavaction.utils.errors import ConfigError
from tests.evaluation.attention.worlds import AS_TRAINED, INFOS, LEFT_OUT, OTHER, clips_of

pytestmark = pytest.mark.thorough


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """Draws clips and returns the figure, before it becomes pixels."""
    figures = []

    def make(clips, infos=INFOS, **settings):
        monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
        draw_heatmaps(clips, infos, AttentionConfig(samples="x", **settings), tmp_path / "heatmap.png")
        return figures[-1]

    return make


def labels(figure):
    """Texts of several words to the left of the rows, as one line each."""
    return [" ".join(text.get_text().split()) for text in figure.axes[0].texts if not text.get_text().isdigit()][1:]


def pictures(figure):
    """Rows of pictures from top to bottom."""
    rows = {}
    for image in figure.axes[0].get_images():
        rows.setdefault(image.get_extent()[3], []).append(np.asarray(image.get_array()))
    return [rows[top] for top in sorted(rows)]


def test_the_file_is_a_png(tmp_path):
    path = tmp_path / "new" / "heatmap.png"
    draw_heatmaps(clips_of(1), INFOS, AttentionConfig(samples="x"), path)
    assert matplotlib.image.imread(path).shape[1] > 500


def test_one_question_shows_thirds_of_the_layers(draw):
    figure = draw(clips_of(1, (AS_TRAINED, LEFT_OUT)), (AS_TRAINED, LEFT_OUT))
    stretches = ["all layers", "layers 1–2", "layers 3–4", "layers 5–6"]
    assert labels(figure) == [
        "mqa/0 answer: A. take cup 0",
        "frames",
        *(f"from the answer, with action token, {stretch}" for stretch in stretches),
        *(f"from the action token, with action token, {stretch}" for stretch in stretches),
        "from the answer, action token left out, all layers",
    ]


def test_a_chosen_stretch_stands_alone(draw):
    figure = draw(clips_of(1, (AS_TRAINED,)), (AS_TRAINED,), first_layer=2, last_layer=3)
    assert labels(figure)[2:] == [
        f"from the {query}, with action token, layers 2–3" for query in ("answer", "action token")
    ]


def test_several_questions_have_a_row_per_run_and_query(draw):
    figure = draw(clips_of(3))
    texts = labels(figure)
    assert [text for text in texts if text.startswith("mqa/")] == [f"mqa/{n} answer: A. take cup {n}" for n in range(3)]
    assert sum("all layers" in text for text in texts) == 3 * 4
    assert sum(text == "frames" for text in texts) == 3
    assert len(pictures(figure)) == 3 * 5


def test_an_answer_is_no_formula(draw):
    clips = [replace(clip, answer="costs $5 or $\\frac{") for clip in clips_of(1)]
    figure = draw(clips)
    assert labels(figure)[0] == "mqa/0 answer: costs $5 or $\\frac{"
    figure.draw_without_rendering()


def test_only_questions_whose_maps_were_kept_are_drawn(draw):
    clips = clips_of(2)
    assert len(pictures(draw([clips[0], replace(clips[1], frames={})]))) == 5


def test_each_row_is_its_map_over_its_frames(draw):
    (clip,) = clips_of(1)
    rows = pictures(draw([clip], INFOS[:2], first_layer=2, last_layer=4))
    frames = clip.frames[Run.AS_TRAINED]
    assert np.array_equal(rows[0], frames)
    seen = clip.measured[Run.AS_TRAINED].attention[Query.ACTION_TOKEN]
    expected = lay_over(frames, strengths(seen.map_LThh[1:4].mean(0)), 1.0)
    assert np.array_equal(rows[2], expected)
    assert not np.array_equal(rows[1], expected)


def test_numbers_are_what_each_frame_gets(draw):
    (clip,) = clips_of(1)
    figure = draw([clip])
    numbers = [int(text.get_text()) for text in figure.axes[0].texts if text.get_text().isdigit()]
    seen = clip.measured[Run.AS_TRAINED].attention[Query.ANSWER]
    per_frame = seen.map_LThh.mean(0).sum((1, 2))
    assert numbers[:4] == [round(100 * share) for share in per_frame / per_frame.sum()]


def test_frames_are_chosen_evenly():
    assert _evenly(16, 8) == [1, 3, 5, 7, 9, 11, 13, 15]
    assert _evenly(64, 4) == [8, 24, 40, 56]
    assert _evenly(3, 8) == [0, 1, 2]
    assert _evenly(5, 1) == [2]


def test_a_few_frames_of_many(draw):
    (clip,) = clips_of(1, num_frames=8)
    rows = pictures(draw([clip], num_frames=4))
    assert {len(row) for row in rows} == {4}
    assert np.array_equal(rows[0], clip.frames[Run.AS_TRAINED][[1, 3, 5, 7]])


def test_another_checkpoints_frames_are_shown_where_they_differ(draw):
    (clip,) = clips_of(1)
    assert not any(text.startswith("frames, other") for text in labels(draw([clip])))
    other = clip.frames[Run.OTHER][:, ::2, ::2]
    figure = draw([replace(clip, frames={**clip.frames, Run.OTHER: other})])
    assert "frames, other checkpoint (no action token)" in labels(figure)
    assert np.array_equal(pictures(figure)[-2], other)


def test_layers_of_each_checkpoint_are_checked(draw):
    with pytest.raises(ConfigError, match="first_layer = 4, last_layer = None: runs/other has the layers 1 to 3"):
        draw(clips_of(1), first_layer=4)


@pytest.mark.parametrize(("number", "num_frames"), [(1, 8), (3, 8), (1, 1)])
def test_nothing_covers_anything_else_or_leaves_the_picture(draw, number, num_frames):
    clips = clips_of(number, num_frames=num_frames)
    long = " ".join(["put the large wooden spoon back into the second drawer"] * 5)
    figure = draw([replace(clip, answer=long) for clip in clips])
    width, height = figure.get_size_inches() * figure.dpi
    boxes = {text: text.get_window_extent() for text in figure.findobj(Text) if text.get_text()}
    boxes.update({image: image.get_window_extent() for image in figure.axes[0].get_images()})
    for item, box in boxes.items():
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, item
    for one, other in combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one, other)


def test_a_checkpoint_without_an_action_token(draw):
    info = replace(OTHER, run=Run.AS_TRAINED, label="no action token")
    figure = draw(clips_of(1, (info,)), (info,))
    assert labels(figure)[2:] == [
        f"from the answer, no action token, {words}" for words in ("all layers", "layer 1", "layer 2", "layer 3")
    ]
