"""Figures: what is drawn, what is left out, and that nothing is cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row, Trial
from llavaction.reports.collect import collect
from llavaction.reports.config import ReportConfig
from llavaction.reports.figures.config import FigureConfig, FigureKind, Part
from llavaction.reports.figures.draw import check_figures, draw_figures, extracts_of
from llavaction.reports.tables.config import CellConfig, ColumnConfig, RowConfig, TableConfig
from llavaction.utils.errors import ConfigError, DataError
from tests.evaluation.rows import choice, row
from tests.reports.evaluations import write_run

LONG = "what a row with a very long name is called in the table"
NUM_OPTIONS = 4


def cyclic(number: int, liked: int) -> Row:
    """A question in all orders, of a model that takes the right option, unless letter `liked` is more to its taste."""
    orders = [tuple((start + place) % NUM_OPTIONS for place in range(NUM_OPTIONS)) for start in range(NUM_OPTIONS)]
    trials = [Trial(order, (-2.0, -3.0, -1.0, -4.0), chosen_idx=order[liked] if number % 2 else 0) for order in orders]
    first = choice(number, 0, num_options=NUM_OPTIONS, trials=tuple(trials), scores=(-1.0, -3.0, -2.5, -4.0))
    return replace(first, segment_id=f"P01_{number % 3:02}_{number}")


def ranked(number: int, truth: tuple[int, int, int], predicted: tuple[int, int, int] | None) -> Row:
    return row(TaskName.DIRECT, number, truth=truth, predicted=predicted)


def report(folder: Path, **figures: FigureConfig) -> ReportConfig:
    """A table of two columns and four rows, one without any figure, and some figures."""
    runs = {
        name: str(write_run(folder / name, {"mqa": [choice(number, number % share) for number in range(12)]}))
        for name, share in (("a", 2), ("b", 3), ("c", 4))
    }
    columns = {f"K = {k}": ColumnConfig("mqa", "accuracy", num_options=5 if k == 5 else None) for k in (5,)}
    rows = {
        "first": RowConfig(run=runs["a"], cells={"K = 5": CellConfig(reported="component_stack.zero_shot")}),
        LONG: RowConfig(run=runs["b"], is_bound=True),
        "only reported": RowConfig(cells={"K = 5": CellConfig(reported="component_stack.action_token")}),
        "third": RowConfig(run=runs["c"]),
    }
    return ReportConfig(tables={"stack": TableConfig("Stack", columns, rows)}, figures=figures)


def draw(config: ReportConfig, folder: Path) -> dict[str, str]:
    return draw_figures(config, collect(config, None, extracts_of(config)), folder)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What is drawn, before it becomes pixels."""
    figures: list[Figure] = []

    def keep(figure: Figure, *_: object, **__: object) -> None:
        figure.draw_without_rendering()
        figures.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


FROM_ROWS: dict[FigureKind, Callable[[int], list[Row]]] = {
    FigureKind.LETTERS: lambda seed: [cyclic(number, seed) for number in range(9)],
    FigureKind.RELIABILITY: lambda seed: [cyclic(number, seed) for number in range(9)],
    FigureKind.CONFUSION: lambda seed: [ranked(n, (n % 3, n % 4, n), ((n + seed) % 3, 0, 0)) for n in range(12)],
}


def every_figure(folder: Path) -> ReportConfig:
    """One figure of each kind, those of rows for two runs."""
    figures = {
        "bars": FigureConfig(FigureKind.BARS, f"Bars of {LONG}, {LONG}", "stack"),
        "k": FigureConfig(FigureKind.OVER_K, f"Lines of {LONG}, {LONG}", "stack"),
    }
    for kind, make in FROM_ROWS.items():
        runs = {
            name: str(write_run(folder / f"{kind}_{name}", {"t": make(seed)}))
            for seed, name in enumerate(("one", LONG))
        }
        figures[str(kind)] = FigureConfig(kind, f"Title of {kind}, {LONG}, {LONG}", task="t", runs=runs)
    return report(folder, **figures)


@pytest.mark.thorough
def test_every_kind_of_figure_becomes_a_png(tmp_path: Path) -> None:
    config = every_figure(tmp_path)

    assert draw(config, tmp_path / "out") == {}
    assert {path.stem for path in (tmp_path / "out").glob("*.png")} == set(config.figures)
    for path in (tmp_path / "out").glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        pixels = matplotlib.image.imread(path)[:, :, :3]
        # Something is drawn, and the edge stays empty: nothing runs out of the picture.
        assert np.ptp(pixels) > 0.5
        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert np.all(edge == 1.0), path


@pytest.mark.thorough
def test_drawing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    config = every_figure(tmp_path)
    draw(config, tmp_path / "one")
    draw(config, tmp_path / "two")

    for path in (tmp_path / "one").glob("*.png"):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_bars_show_each_row_its_interval_and_the_papers_figure(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(report(tmp_path, bars=FigureConfig(FigureKind.BARS, "Bars", "stack")), tmp_path)
    axes = drawn[0].axes[0]

    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", LONG, "only reported", "third"]
    assert [round(bar.get_width(), 1) for bar in axes.patches] == [50.0, 33.3, 25.0]
    diamonds = next(line for line in axes.lines if line.get_marker() == "D")
    assert np.allclose(diamonds.get_xydata(), [[34.8, 0], [69.1, 2]])


def test_lines_over_k_start_where_there_are_figures(tmp_path: Path, drawn: list[Figure]) -> None:
    trials = {k: Trial(tuple(range(k)), chosen_idx=k - 1) for k in (1, 3)}
    swept = [
        replace(choice(number, number % 3, num_options=3), kind=TaskName.TWO_STAGE, trials=tuple(trials.values()))
        for number in range(6)
    ]
    folder = str(write_run(tmp_path / "k", {"two_stage": swept}))
    columns = {f"K = {k}": ColumnConfig("two_stage", num_options=k) for k in (1, 3)}
    cells = {f"K = {k}": CellConfig(metric=f"action_at_{k}") for k in (1, 3)}
    rows = {
        "two-stage": RowConfig(run=folder, cells=cells),
        "at 3 alone": RowConfig(cells={"K = 3": CellConfig(run=folder, metric="action_at_3")}),
        "bound": RowConfig(run=folder, metric="recall", is_bound=True),
        "nothing": RowConfig(),
    }
    # The recall of all three candidates is shown at both numbers of options, which is why K may differ.
    table = TableConfig("T", columns, rows)
    table.rows["bound"].cells = {f"K = {k}": CellConfig(metric=f"recall_at_{k}") for k in (1, 3)}
    config = ReportConfig(tables={"t": table}, figures={"k": FigureConfig(FigureKind.OVER_K, "K", "t")})
    draw(config, tmp_path)
    lines = {line.get_label(): line for line in drawn[0].axes[0].lines}

    assert set(lines) == {"two-stage", "at 3 alone", "bound"}
    assert [len(lines[name].get_xdata()) for name in ("two-stage", "at 3 alone")] == [2, 1]
    assert lines["bound"].get_linestyle() == "--" and lines["two-stage"].get_linestyle() == "-"


@pytest.mark.thorough
def test_what_cannot_be_drawn_yet_is_said_and_an_old_picture_goes(tmp_path: Path) -> None:
    config = every_figure(tmp_path)
    draw(config, tmp_path / "out")
    for folder in tmp_path.glob("*/metrics.json"):
        folder.unlink()
    left_out = draw(config, tmp_path / "out")

    assert set(left_out) == set(config.figures)
    assert left_out["bars"] == "no run fills table 'stack'"
    assert "letters_one" in left_out["letters"] and "has rows of task 't'" in left_out["letters"]
    assert list((tmp_path / "out").glob("*.png")) == []


@pytest.mark.parametrize(
    ("kind", "rows", "problem"),
    [
        (FigureKind.LETTERS, [choice(0, 1)], "letter bias needs a task with order=cyclic"),
        (FigureKind.RELIABILITY, [choice(0, 1)], "0 scores for 5 options"),
        (FigureKind.CONFUSION, [choice(0, 1)], "no row predicts a class"),
    ],
)
def test_rows_that_cannot_show_it_are_refused_by_name(
    tmp_path: Path, kind: FigureKind, rows: list[Row], problem: str
) -> None:
    folder = write_run(tmp_path / "run", {"t": rows})
    config = report(tmp_path, f=FigureConfig(kind, "F", task="t", runs={"r": str(folder)}))

    with pytest.raises(DataError, match=f"{folder}/rows/t.jsonl: .*{problem}"):
        draw(config, tmp_path)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"kind": FigureKind.BARS}, "kind bars needs a table"),
        ({"kind": FigureKind.LETTERS, "task": "t"}, "kind letters needs a task and runs"),
        ({"kind": FigureKind.BARS, "table": "t", "task": "t"}, "task does nothing in a figure of kind bars"),
        ({"kind": FigureKind.OVER_K, "table": "t", "column": "c"}, "column does nothing in a figure of kind over_k"),
        ({"kind": FigureKind.LETTERS, "task": "t", "runs": {"a": "b"}, "part": Part.NOUN}, "part does nothing"),
        ({"kind": FigureKind.CONFUSION, "task": "t", "runs": {"a": "b"}, "num_classes": 1}, "must be 2 or more"),
    ],
)
def test_settings_without_effect_are_refused(values: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=f"figure 'F': {problem}|figure 'F': num_classes = 1: {problem}"):
        FigureConfig(title="F", **values)  # type: ignore[arg-type]


def test_a_figure_of_a_table_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no table 'stak'; did you mean 'stack'"):
        report(tmp_path, bars=FigureConfig(FigureKind.BARS, "Bars", "stak"))


def test_a_column_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    config = report(tmp_path, bars=FigureConfig(FigureKind.BARS, "Bars", "stack", column="K=5"))

    with pytest.raises(ConfigError, match="has no column 'K=5'; did you mean 'K = 5'"):
        check_figures(config)


def test_columns_without_their_number_cannot_be_drawn_over(tmp_path: Path) -> None:
    config = report(tmp_path, k=FigureConfig(FigureKind.OVER_K, "K", "stack"))
    config.tables["stack"].columns["K = 5"].num_options = None

    with pytest.raises(ConfigError, match=r"have num_options \[None\]; each needs one of its own"):
        check_figures(config)
