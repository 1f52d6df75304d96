"""`llavaction distractor-stats` and the figures it shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from llavaction.annotations.epic_kitchens import Annotations, Split, load_annotations
from llavaction.cli.distractor_stats import main
from llavaction.reports.distractor_stats import picture
from llavaction.reports.distractor_stats.collect import collect_stats
from llavaction.reports.distractor_stats.config import PredictionSource, StatsConfig
from llavaction.reports.distractor_stats.questions import Kinship
from llavaction.reports.distractor_stats.tables import make_tables
from llavaction.sft.samples import ActionLabel, ClipRef, Option, Role, Sample, Turn, View, write_samples
from llavaction.specialists.agreement import ClassDifficulty
from llavaction.utils.errors import ConfigError, DataError
from tests.annotations.ek100_files import write_ek100
from tests.specialists.files import WRITERS, write_csv

pytestmark = pytest.mark.thorough

# Actions by id: 0 = 0:0, 1 = 0:1, 2 = 0:2, 3 = 1:0, 4 = 1:1, 5 = 2:0, 6 = 2:1, 7 = 2:2, 8 = 3:3, 9 = 3:4.
# Validation: wash plate (5), take cup (1), put plate (3), open tap (8).
AVION = [[5, 0, 3, 6, 7], [0, 1, 4, 2, 6], [3, 0, 5, 4, 1], [9, 0, 1, 2, 3]]
TIM = [[0, 5, 3, 6, 7], [0, 1, 4, 2, 9], [3, 0, 5, 4, 2], [9, 8, 1, 2, 3]]


@pytest.fixture
def annotations(tmp_path: Path) -> Annotations:
    return load_annotations(write_ek100(tmp_path))


def write_ranks(path: Path, annotations: Annotations, ranks: list[list[int]], split: Split = Split.VALIDATION) -> str:
    keys = annotations.vocabulary.action_keys
    rows = [
        (segment.segment_id, keys[action_id], rank, 0.0)
        for segment, row in zip(annotations.split(split), ranks, strict=True)
        for rank, action_id in enumerate(row, start=1)
    ]
    return str(write_csv(path, rows, ("segment_id", "action", "rank")))


def question(annotations: Annotations, row: int, action_ids: list[int], answer_idx: int) -> Sample:
    segment = annotations.validation.segments[row]
    answers = [f"{letter}. action" for letter in "ABCDE"[: len(action_ids)]]
    return Sample(
        sample_id=f"mqa/{segment.segment_id}",
        view=View.MQA,
        segment_id=segment.segment_id,
        clip=ClipRef(segment.video_id, segment.start_s, segment.stop_s),
        turns=(Turn(Role.USER, "Which?"), Turn(Role.ASSISTANT, answers[answer_idx])),
        action=ActionLabel(segment.verb_id, segment.noun_id, action_ids[answer_idx]),
        options=tuple(Option("action", *pair) for pair in zip(action_ids, answers, strict=True)),
        answer_idx=answer_idx,
    )


@pytest.fixture
def samples(annotations: Annotations, tmp_path: Path) -> str:
    """Wash plate among put plate and take cup; take cup among take plate and open drawer; ..."""
    questions = [
        question(annotations, 0, [3, 5, 1], 1),
        question(annotations, 1, [1, 0, 9], 0),
        question(annotations, 2, [0, 4, 3], 2),
        question(annotations, 3, [9, 8, 7], 1),
    ]
    plain = replace(questions[0], sample_id="direct/0", view=View.DIRECT, options=(), answer_idx=None)
    write_samples(tmp_path / "samples.jsonl", [*questions, plain])
    return str(tmp_path / "samples.jsonl")


@pytest.fixture
def config(annotations: Annotations, samples: str, tmp_path: Path) -> StatsConfig:
    train = [[number % 10, (number + 1) % 10] for number in range(10)]
    return StatsConfig(
        predictions={
            "avion": PredictionSource(write_ranks(tmp_path / "avion.csv", annotations, AVION)),
            "train": PredictionSource(
                write_ranks(tmp_path / "train.csv", annotations, train, Split.TRAIN), split=Split.TRAIN
            ),
            "tim": PredictionSource(write_ranks(tmp_path / "tim.csv", annotations, TIM)),
        },
        samples={"mine": samples},
        ks=[1, 2, 5],
        num_hardest=2,
        min_segments=1,
    )


def test_recall_of_every_k_that_is_ranked(config: StatsConfig, annotations: Annotations) -> None:
    sources = collect_stats(config, annotations).sources

    assert sources["avion"].recall == {1: 0.5, 2: 0.75, 3: 0.75, 4: 0.75, 5: 0.75}
    assert sources["tim"].recall == {1: 0.25, 2: 1, 3: 1, 4: 1, 5: 1}
    assert list(sources["train"].recall) == [1, 2]
    assert (sources["train"].num_segments, sources["train"].split) == (10, Split.TRAIN)


def test_the_hardest_classes_come_first(config: StatsConfig, annotations: Annotations) -> None:
    source = collect_stats(config, annotations).sources["avion"]

    assert source.hardest_verbs == (ClassDifficulty(3, "open", 1, 0, 0), ClassDifficulty(0, "take", 1, 0, 1))
    assert source.hardest_nouns == (ClassDifficulty(3, "tap", 1, 0, 0), ClassDifficulty(1, "cup", 1, 0, 1))


def test_rare_classes_are_left_out(config: StatsConfig, annotations: Annotations) -> None:
    config.min_segments = 2
    source = collect_stats(config, annotations).sources["avion"]

    assert source.hardest_verbs == ()
    assert [entry.name for entry in source.hardest_nouns] == ["plate"]


def test_only_predictions_for_one_split_are_compared(config: StatsConfig, annotations: Annotations) -> None:
    (pair,) = collect_stats(config, annotations).pairs

    assert pair.names == ("avion", "tim")
    assert pair.top1_agreement == 0.75
    # All five; four; four; four of five.
    assert pair.top5_overlap == pytest.approx((1 + 0.8 + 0.8 + 0.8) / 4)


def test_short_rankings_have_no_overlap(config: StatsConfig, annotations: Annotations, tmp_path: Path) -> None:
    config.predictions["tim"].path = write_ranks(tmp_path / "tim.csv", annotations, [row[:4] for row in TIM])
    stats = collect_stats(config, annotations)

    assert stats.pairs[0].top5_overlap is None
    assert [table.rows["avion and tim"][2].value for table in make_tables(stats, [1]) if "Likeness" in table.title] == [
        None
    ]


def test_questions_are_counted(config: StatsConfig, annotations: Annotations) -> None:
    entry = collect_stats(config, annotations).questions["mine"]

    assert (entry.num_questions, entry.letters.counts) == (4, (1, 2, 1))
    # AVION ranks take plate before take cup, and open drawer alone of the last.
    assert entry.answered == {"avion": 0.5, "tim": 0.5}
    assert {kinship: kind.num_options for kinship, kind in entry.kinds.items()} == {
        Kinship.SAME_VERB: 3,
        Kinship.SAME_NOUN: 2,
        Kinship.NEITHER: 3,
    }
    assert entry.kinds[Kinship.SAME_VERB].preferred == {"avion": pytest.approx(2 / 3), "tim": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda q: replace(q, action=None), "says nothing about its segment and action"),
        (lambda q: replace(q, action=ActionLabel(2, 0, 6)), "numbers its action 6, the annotations 5; name the anno"),
        (lambda q: replace(q, options=(*q.options[:2], Option("x", 10, "C. x"))), "numbers its action 5"),
        (lambda q: replace(q, options=q.options[:2]), r"questions with \[2, 3\] options"),
    ],
)
def test_questions_of_other_annotations_are_refused(
    config: StatsConfig, annotations: Annotations, tmp_path: Path, change: Callable[[Sample], Sample], problem: str
) -> None:
    questions = [question(annotations, 0, [3, 5, 1], 1), question(annotations, 1, [1, 0, 9], 0)]
    write_samples(tmp_path / "samples.jsonl", [change(questions[0]), questions[1]])

    with pytest.raises(DataError, match=rf"samples\.jsonl: .*{problem}"):
        collect_stats(config, annotations)


def test_candidates_are_an_error(config: StatsConfig, annotations: Annotations, tmp_path: Path) -> None:
    ranked = replace(question(annotations, 0, [3, 5, 1], 1), view=View.CANDIDATES)
    write_samples(tmp_path / "samples.jsonl", [ranked])

    with pytest.raises(DataError, match=r"samples\.jsonl: sample '.*' lists candidates .* under truth_within"):
        collect_stats(config, annotations)


def test_samples_without_options_are_an_error(config: StatsConfig, annotations: Annotations, tmp_path: Path) -> None:
    direct = replace(question(annotations, 0, [3, 5, 1], 1), options=(), answer_idx=None)
    write_samples(tmp_path / "samples.jsonl", [direct])

    with pytest.raises(DataError, match=r"samples\.jsonl: no questions with options"):
        collect_stats(config, annotations)


def test_nothing_to_look_at_is_an_error(annotations: Annotations) -> None:
    with pytest.raises(ConfigError, match=r"give \+stats\.predictions\.NAME\.path=FILE"):
        collect_stats(StatsConfig(), annotations)


@pytest.mark.parametrize("ks", [[], [0, 1], [5, 1], [1, 1]])
def test_numbers_of_actions_must_rise(ks: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"stats\.ks"):
        StatsConfig(ks=ks)


@pytest.mark.parametrize("field", ["num_hardest", "min_segments"])
def test_numbers_must_be_positive(field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        StatsConfig(**{field: 0})


def test_the_command_writes_tables_figures_and_picture(
    annotations: Annotations, config: StatsConfig, samples: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = np.eye(10, dtype=np.float32)[[5, 1, 3, 8]]
    tim = WRITERS["tim.pkl"](tmp_path / "dump", annotations.validation, annotations.vocabulary, scores)
    main(
        [
            f"paths.annotations={tmp_path}",
            f"+stats.predictions.avion.path={config.predictions['avion'].path}",
            f"+stats.predictions.tim.path={tim}",
            "+stats.predictions.tim.format=tim",
            f"+stats.predictions.train.path={config.predictions['train'].path}",
            "+stats.predictions.train.split=train",
            f"+stats.samples.mine={samples}",
            "stats.min_segments=1",
            "stats.ks=[1,5,20]",
            f"output={tmp_path / 'out'}",
        ]
    )
    out = tmp_path / "out"

    written = json.loads((out / "distractor_stats.json").read_text())
    assert written["sources"]["tim"]["recall"]["1"] == 1
    assert written["questions"]["mine"]["letters"]["counts"] == [1, 2, 1]
    assert written["pairs"][0]["names"] == ["avion", "tim"]
    markdown = (out / "distractor_stats.md").read_text()
    assert "| avion (validation) | 4 | 50.0 | 75.0 | – |" in markdown
    assert "| avion and tim | 4 | 50.0 |" in markdown
    assert (out / "distractor_stats.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((out / "run.json").read_text())
    assert {samples, str(tim), "EPIC_100_train.csv"} <= set(record["data_sha256"])
    printed = capsys.readouterr().out
    for title in ("Recall of specialists", "Likeness of specialists", "Letters of mine", "Hardest nouns for train"):
        assert title in printed


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved."""
    saved: list[Figure] = []
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, path, **_: (saved.append(figure), figure.draw_without_rendering())
    )
    return saved


@pytest.mark.parametrize("left_out", ["nothing", "predictions", "samples"])
def test_the_picture_has_a_panel_for_all_there_is(
    config: StatsConfig, annotations: Annotations, figures: list[Figure], left_out: str, tmp_path: Path
) -> None:
    if left_out != "nothing":
        setattr(config, left_out, {})
    stats = collect_stats(config, annotations)
    picture.draw_stats(stats, tmp_path / "x.png")
    titles = [axes.get_title(loc="left") for axes in figures[0].axes]

    expected = [
        *["True action among the first K, percent"] * bool(config.predictions),
        *["Letter of the right answer, percent of questions"] * bool(config.samples),
        *[f"Hardest {part} for {name}" for name in config.predictions for part in ("verbs", "nouns")],
    ]
    assert titles == expected


def test_the_picture_shows_the_figures(
    config: StatsConfig, annotations: Annotations, figures: list[Figure], tmp_path: Path
) -> None:
    picture.draw_stats(collect_stats(config, annotations), tmp_path / "x.png")
    recall, letters, verbs = figures[0].axes[:3]

    assert [line.get_label() for line in recall.lines] == ["avion (validation)", "train (train)", "tim (validation)"]
    assert list(recall.lines[0].get_ydata()) == [50, 75, 75, 75, 75]
    assert [bar.get_height() for bar in letters.patches] == [25, 50, 25]
    assert [label.get_text() for label in verbs.get_yticklabels()] == ["open (1)", "take (1)"]
    assert list(verbs.lines[0].get_xdata()) == [0, 100]


def test_no_title_of_the_picture_leaves_it_or_covers_another(
    config: StatsConfig, annotations: Annotations, figures: list[Figure], tmp_path: Path
) -> None:
    picture.draw_stats(collect_stats(config, annotations), tmp_path / "x.png")
    width, height = figures[0].get_size_inches() * figures[0].dpi
    boxes = [axes.get_tightbbox() for axes in figures[0].axes]

    for number, box in enumerate(boxes):
        assert box is not None
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert not any(other is not None and box.overlaps(other) for other in boxes[:number])


def test_a_missing_file_is_named(annotations: Annotations, tmp_path: Path) -> None:
    missing = {"x": PredictionSource(str(tmp_path / "absent.csv"))}

    with pytest.raises(DataError, match=r"absent\.csv: no such file"):
        collect_stats(StatsConfig(predictions=missing), annotations)
