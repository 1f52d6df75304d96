"""The picture of curves: all runs side by side on one scale, nothing cut off, nothing over anything else."""

from __future__ import annotations

from itertools import combinations

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from llavaction.evaluation.attention.places import Query, TokenGroup
from llavaction.evaluation.attention.records import Run
from llavaction.evaluation.attention.summary import summarise
from llavaction.reports.attention.curves import draw_curves
from llavaction.reports.attention.style import GROUP_WORDS
from tests.evaluation.attention.worlds import AS_TRAINED, INFOS, clips_of

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def summary():
    return summarise(clips_of(6), INFOS, seed=0)


@pytest.fixture
def figure(summary, tmp_path, monkeypatch):
    return drawn(summary, tmp_path, monkeypatch)


def drawn(summary, tmp_path, monkeypatch):
    """What is drawn, before it becomes pixels."""
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    draw_curves(summary, tmp_path / "shares.png")
    figures[0].draw_without_rendering()
    return figures[0]


def panels(figure):
    """Panels as rows of columns."""
    return np.array(figure.axes).reshape(-1, 3)


def curves(axes):
    return {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}


def test_the_file_is_a_png(summary, tmp_path):
    draw_curves(summary, tmp_path / "new" / "shares.png")
    assert matplotlib.image.imread(tmp_path / "new" / "shares.png").shape[1] > 1000


def test_shares_are_drawn_layer_by_layer(figure, summary):
    rows = panels(figure)
    assert rows.shape == (4, 3)
    for axes, one in zip(rows[0], summary.runs.values(), strict=True):
        shown = curves(axes)
        shares = one.attention[Query.ANSWER].shares
        assert set(shown) == {GROUP_WORDS[group] for group in shares}
        for group, curve in shares.items():
            line = shown[GROUP_WORDS[group]]
            assert list(line.get_xdata()) == list(range(1, one.info.num_layers + 1))
            assert line.get_ydata() == pytest.approx([100 * estimate.value for estimate in curve])


def test_shares_per_token_are_relative_to_an_even_spread(figure, summary):
    seen = summary.runs[Run.AS_TRAINED].attention[Query.ANSWER]
    axes = panels(figure)[2, 0]
    assert axes.get_yscale() == "log"
    line = curves(axes)[GROUP_WORDS[TokenGroup.ACTION_TOKEN]]
    expected = [
        estimate.value / seen.even[TokenGroup.ACTION_TOKEN] for estimate in seen.shares[TokenGroup.ACTION_TOKEN]
    ]
    assert line.get_ydata() == pytest.approx(expected)


def test_a_narrow_range_still_has_numbers_beside_it(tmp_path, monkeypatch):
    clips = clips_of(1, (AS_TRAINED,))
    seen = clips[0].measured[Run.AS_TRAINED].attention[Query.ANSWER]
    seen.shares_LHG[:] = seen.even_G * np.linspace(0.98, 1.02, 6)[:, None, None]
    figure = drawn(summarise(clips, [AS_TRAINED], seed=0), tmp_path, monkeypatch)
    axes = figure.axes[2]
    low, high = axes.get_ylim()
    numbers = [text.get_text() for text in axes.get_yticklabels() if low <= text.get_position()[1] <= high]
    assert numbers == ["0.5", "1", "2"]


def test_likeness_begins_with_the_input(figure):
    shown = curves(panels(figure)[3, 0])
    assert set(shown) == {"visual and text", "among visual", "among text", "modality gap"}
    assert all(list(line.get_xdata()) == list(range(7)) for line in shown.values())


def test_runs_without_the_token_say_so(figure):
    for axes, has_token in zip(panels(figure)[1], (True, False, False), strict=True):
        texts = [text.get_text() for text in axes.texts]
        assert texts == ([] if has_token else ["no action token"])
        assert bool(curves(axes)) == has_token


def test_no_curve_or_band_is_cut_off(figure):
    for row in panels(figure):
        assert len({axes.get_ylim() for axes in row}) == 1
        for axes in row:
            low, high = axes.get_ylim()
            heights = [line.get_ydata() for line in curves(axes).values()]
            heights += [path.vertices[:, 1] for band in axes.collections for path in band.get_paths()]
            assert all(low <= np.min(ys) and np.max(ys) <= high for ys in heights)


def test_bands_are_the_intervals(figure, summary):
    shares = summary.runs[Run.AS_TRAINED].attention[Query.ANSWER].shares
    for band, curve in zip(panels(figure)[0, 0].collections, shares.values(), strict=True):
        heights = band.get_paths()[0].vertices[:, 1]
        assert min(heights) == pytest.approx(min(100 * estimate.low for estimate in curve))
        assert max(heights) == pytest.approx(max(100 * estimate.high for estimate in curve))


def test_no_text_covers_another_or_leaves_the_picture(figure):
    width, height = figure.get_size_inches() * figure.dpi
    labels = [label for label in figure.findobj(Text) if label.get_text() and label.get_visible()]
    # Ticks beyond the ends of an axis have labels that are not drawn.
    boxes = {label: label.get_window_extent() for label in labels if label.get_in_layout()}
    titles = [axes.title for axes in figure.axes] + [axes._left_title for axes in figure.axes]
    legends = [text for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]
    shown = [text for text in [*titles, *legends] if text.get_text()]
    for text in shown:
        box = boxes[text]
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text.get_text()
    for one, other in combinations(shown, 2):
        assert not boxes[one].overlaps(boxes[other]), (one.get_text(), other.get_text())


def test_one_run_and_one_question_will_do(tmp_path, monkeypatch):
    summary = summarise(clips_of(1, (AS_TRAINED,)), [AS_TRAINED], seed=0)
    figure = drawn(summary, tmp_path, monkeypatch)
    assert len(figure.axes) == 4
    heights = [path.vertices[:, 1] for path in figure.axes[0].collections[0].get_paths()]
    values = summary.runs[Run.AS_TRAINED].attention[Query.ANSWER].shares[TokenGroup.FIRST_TOKEN]
    assert np.max(heights) == pytest.approx(max(100 * estimate.value for estimate in values))
