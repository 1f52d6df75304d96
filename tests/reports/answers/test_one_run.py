"""One run from its rows alone: every figure it has, and why it lacks the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llavaction.annotations.epic_kitchens import load_annotations
from llavaction.evaluation import metrics
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.outcomes import task_estimates
from llavaction.evaluation.predictions import Row, Trial
from llavaction.reports.answers.one_run import collect_run
from llavaction.reports.collect import Collected
from llavaction.reports.config import ReportConfig, ReportKind
from llavaction.reports.figures.draw import draw_figures
from llavaction.reports.table import Cell, Table
from llavaction.reports.tables.recognition import Recognition
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import ConfigError, DataError
from tests.annotations.ek100_files import write_ek100
from tests.evaluation.rows import row
from tests.reports.answers.runs import answer, heads, sample, write_answers

SAMPLES = [sample(number) for number in range(12)]
# Right unless the number can be divided by 4.
ROWS = [answer(item, (number + (number % 4 == 0)) % 3) for number, item in enumerate(SAMPLES)]


def collected(folder: Path, **more: Any) -> Collected:
    return collect_run(ReportConfig(kind=ReportKind.RUN, run=str(folder), **more), None)


def cells(table: Table, column: str) -> dict[str, Cell]:
    return {name: row[table.columns.index(column)] for name, row in table.rows.items()}


def shown(table: Table, column: str) -> dict[str, tuple[float | None, float | None]]:
    """How many questions each row is about, and its value."""
    return {
        name: (number.value, cell.value)
        for (name, number), cell in zip(cells(table, "questions").items(), cells(table, column).values())
    }


def test_all_figures_of_a_choice(tmp_path: Path) -> None:
    rows = [replace(ROWS[0], excluded="no video"), *ROWS[1:]]
    found = collected(write_answers(tmp_path / "run", {"mqa": rows}, SAMPLES))
    table = found.tables["mqa"]
    values = cells(table, "value")
    expected = task_estimates(rows)["accuracy"]

    assert list(values) == [
        *("accuracy", "ECE", "Brier score", "num_questions", "num_excluded", "chance", "num_unparseable")
    ]
    assert (values["accuracy"].value, values["accuracy"].low, values["accuracy"].high) == (
        *(expected.value, expected.low, expected.high),
    )
    assert (values["accuracy"].num_questions, values["accuracy"].num_excluded) == (11, 1)
    # Every choice has probability 1/2, and 9 of 11 are right.
    assert values["ECE"].value == pytest.approx(9 / 11 - 0.5)
    right, wrong = 0.25 + 2 / 16, 0.25 + 0.75**2 + 1 / 16
    assert values["Brier score"].value == pytest.approx((9 * right + 2 * wrong) / 11)
    assert (values["num_questions"].value, values["num_excluded"].value, values["chance"].value) == (
        *(11, 1, pytest.approx(1 / 3)),
    )
    assert table.note is not None and "1 of 12 questions have no answer and are left out." in table.note


def test_where_it_is_right(tmp_path: Path) -> None:
    found = collected(write_answers(tmp_path / "run", {"mqa": ROWS}, SAMPLES))
    third = pytest.approx(3 / 4)

    assert shown(found.tables["mqa_by_verb"], "accuracy") == dict.fromkeys(["verb 0", "verb 1", "verb 2"], (4, third))
    nouns = {f"{number} noun": (3, float(number > 0)) for number in range(4)}
    assert shown(found.tables["mqa_by_noun"], "accuracy") == nouns
    assert shown(found.tables["mqa_by_clip_length"], "accuracy") == {"1-2 s": (6, 1.0), "4-8 s": (6, 0.5)}
    assert shown(found.tables["mqa_by_distractors"], "accuracy") == {"random": (6, 0.5), "same_verb": (6, 1.0)}
    assert shown(found.tables["mqa_by_position"], "accuracy") == dict.fromkeys("ABC", (4, third))
    assert found.no_tables == {}
    assert {path.name for path in found.files} == {"mqa.jsonl", "samples.jsonl"}


def test_rare_classes_stand_together_and_are_counted(tmp_path: Path) -> None:
    rows = [replace(item, truth=(0 if number < 6 else 1 + number % 2, 0, 0)) for number, item in enumerate(ROWS)]
    rows = [replace(item, truth=(item.truth[0], number % 4, 0)) for number, item in enumerate(rows)]
    found = collected(write_answers(tmp_path / "run", {"mqa": rows}, SAMPLES), num_classes=2)

    sizes = {name: number for name, (number, _) in shown(found.tables["mqa_by_verb"], "accuracy").items()}
    assert sizes == {"verb 0": 6, "verb 1": 3, "others (1 verb)": 3}
    assert list(found.tables["mqa_by_noun"].rows)[-1] == "others (2 nouns)"
    assert sum(number or 0 for number, _ in shown(found.tables["mqa_by_noun"], "accuracy").values()) == 12


def test_heads_are_broken_down_by_what_they_are_asked(tmp_path: Path) -> None:
    rows = [heads(item, number % 3, 0) for number, item in enumerate(SAMPLES)]
    found = collected(write_answers(tmp_path / "run", {"head": rows}, SAMPLES))

    assert list(found.tables) == ["head", "head_by_verb", "head_by_noun", "head_by_clip_length"]
    assert found.tables["head_by_verb"].columns == ("questions", "verb", "action")
    assert found.tables["head_by_noun"].columns == ("questions", "noun", "action")
    assert found.tables["head_by_clip_length"].columns == ("questions", "verb", "noun", "action")
    assert [value for _, value in shown(found.tables["head_by_noun"], "noun").values()] == [1, 0, 0, 0]
    assert list(found.figures) == ["confusion_verbs_head", "confusion_nouns_head"]


def test_without_samples_the_report_says_what_it_needs(tmp_path: Path) -> None:
    run = write_answers(tmp_path / "run", {"mqa": ROWS})
    found = collected(run)
    needs = f"{run}/config.yaml: no evaluation.tasks.mqa.samples"

    assert list(found.tables) == ["mqa", "mqa_by_verb", "mqa_by_noun", "mqa_by_position"]
    assert found.no_tables == {"mqa_by_clip_length": needs, "mqa_by_distractors": needs}
    write_answers(tmp_path / "run", {"mqa": ROWS}, SAMPLES)
    (tmp_path / "samples.jsonl").unlink()
    reasons = collected(run).no_tables
    assert "samples.jsonl: no such file of samples, which the run's config.yaml names" in reasons["mqa_by_distractors"]


def test_samples_that_were_built_anew_are_not_taken(tmp_path: Path) -> None:
    anew = [sample(0, length_s=9.0), *SAMPLES[1:]]
    found = collected(write_answers(tmp_path / "run", {"mqa": ROWS}, anew))

    assert (
        "row 'mqa/0' answers another question than the sample of its id asks" in found.no_tables["mqa_by_distractors"]
    )
    old = [replace(item, question_sha256="") for item in ROWS]
    lengths = collected(write_answers(tmp_path / "old", {"mqa": old}, anew)).tables["mqa_by_clip_length"]
    assert list(lengths.rows) == ["1-2 s", "4-8 s", "8-16 s"]


def test_without_classes_nothing_is_named(tmp_path: Path) -> None:
    run = write_answers(tmp_path / "run", {"mqa": ROWS}, SAMPLES)
    (run / "classes.json").unlink()
    reasons = collected(run).no_tables

    assert list(reasons) == ["mqa_by_verb", "mqa_by_noun"] and "classes.json: no such file" in reasons["mqa_by_verb"]


def test_written_choices_have_no_calibration(tmp_path: Path) -> None:
    rows = [replace(item, scores=(), raw="A") for item in ROWS]
    found = collected(write_answers(tmp_path / "run", {"mqa": rows}, SAMPLES))

    assert not {"ECE", "Brier score"} & found.tables["mqa"].rows.keys()
    assert "only questions answered by likelihood" in found.no_figures["reliability_mqa"]
    assert "needs a task with order=cyclic" in found.no_figures["letters_mqa"]
    assert found.figures == {}


def test_questions_in_all_orders(tmp_path: Path) -> None:
    orders = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    rows = [replace(item, trials=tuple(Trial(order, chosen_idx=order[0]) for order in orders)) for item in ROWS]
    found = collected(write_answers(tmp_path / "run", {"mqa": rows}, SAMPLES))
    values = {name: row[0].value for name, row in found.tables["mqa"].rows.items()}

    assert values["letter_bias"] == pytest.approx(2 / 3) and values["consistency"] == 0
    assert "was shown 3 times" in found.no_tables["mqa_by_position"]
    assert list(found.figures) == ["letters_mqa", "reliability_mqa"]


def test_a_shuffled_question_stands_by_its_shown_letter(tmp_path: Path) -> None:
    # The right option, whichever it is, was shown last.
    rows = [replace(item, trials=(Trial(_last(item.answer_idx or 0), chosen_idx=item.chosen_idx),)) for item in ROWS]
    found = collected(write_answers(tmp_path / "run", {"mqa": rows}, SAMPLES))

    assert shown(found.tables["mqa_by_position"], "accuracy") == {"C": (12, 0.75)}


def _last(idx: int) -> tuple[int, ...]:
    return (*(other for other in range(3) if other != idx), idx)


def test_rows_of_older_versions_have_what_can_be_said(tmp_path: Path) -> None:
    rows = [row(TaskName.DIRECT, number, raw="x", predicted=(1, 2, -1)) for number in range(3)]
    table = collected(write_answers(tmp_path / "run", {"direct": rows})).tables["direct"]

    assert list(table.rows) == ["exact", "verb", "noun", "action", "num_questions", "num_excluded"]
    assert table.note is not None and "No action_top5 and num_unknown" in table.note


def test_descriptions_without_their_library_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "can_score_captions", lambda: False)
    rows = [row(TaskName.CAPTION, number, raw="I take a cup.") for number in range(3)]
    found = collected(write_answers(tmp_path / "run", {"caption": rows}))

    assert [cell.value for (cell,) in found.tables["caption"].rows.values()] == [3, 0]
    assert "pip install" in str(found.tables["caption"].note)
    assert "task 'caption' has no metric to break down" in found.no_tables["caption_by_verb"]


def test_recognition_needs_the_annotations(tmp_path: Path) -> None:
    annotations = load_annotations(write_ek100(tmp_path))
    classes = ClassTable.from_annotations(annotations)
    rows = []
    for segment in annotations.validation:
        action_id = classes.actions.index(f"{segment.verb_id}:{segment.noun_id}")
        ids = (segment.verb_id, segment.noun_id, action_id)
        item = heads(SAMPLES[0], *ids[:2])
        rows.append(
            replace(item, sample_id=segment.segment_id, segment_id=segment.segment_id, truth=ids, predicted=ids)
        )
    run = write_answers(tmp_path / "run", {"head": rows})
    config = ReportConfig(kind=ReportKind.RUN, run=str(run))
    recognition = Recognition.of(annotations)

    # The classes beside the rows are others.
    assert (
        "name the annotations that it was evaluated with"
        in collect_run(config, recognition).no_tables["head_recognition"]
    )
    classes.save(run)
    table = collect_run(config, recognition).tables["head_recognition"]
    assert [cell.value for cell in table.rows["verb"]][:2] == [1.0, None]
    assert table.columns == ("top-1", "top-5", "mean class", "unseen participants", "tail classes")
    assert "rank fewer than 5 classes" in " ".join(table.footnotes())
    assert "head_recognition" not in collect_run(config, None).tables


def test_what_is_left_out_takes_no_picture_of_before(tmp_path: Path) -> None:
    found = collected(write_answers(tmp_path / "run", {"mqa": ROWS}, SAMPLES))
    (tmp_path / "letters_mqa.png").touch()
    config = ReportConfig(kind=ReportKind.RUN, run=str(tmp_path / "run"))

    assert list(draw_figures(config, found, tmp_path)) == ["letters_mqa"]
    assert [path.name for path in tmp_path.glob("*.png")] == ["reliability_mqa.png"]
    assert (tmp_path / "reliability_mqa.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rows of an evaluation in it"):
        collected(tmp_path / "none")
    unfinished = write_answers(tmp_path / "half", {"mqa": ROWS}, finished=False)
    with pytest.raises(DataError, match="the evaluation is not finished"):
        collected(unfinished)
    gone = [replace(item, excluded="no video") for item in ROWS]
    with pytest.raises(DataError, match=r"rows/mqa\.jsonl: task 'mqa': none of the 12 questions has an answer"):
        collected(write_answers(tmp_path / "gone", {"mqa": gone}))


def test_tasks_can_be_chosen(tmp_path: Path) -> None:
    other: list[Row] = [heads(item, 0, 0) for item in SAMPLES]
    run = write_answers(tmp_path / "run", {"mqa": ROWS, "head": other}, SAMPLES)

    assert not any(name.startswith("mqa") for name in collected(run, tasks=["head"]).tables)
    with pytest.raises(ConfigError, match=r"no rows of task 'mqaa'; did you mean 'mqa'\? \(has head, mqa\)"):
        collected(run, tasks=["mqaa"])
