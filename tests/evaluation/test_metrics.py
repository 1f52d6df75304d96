"""Metrics of a few rows, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llavaction.evaluation import metrics as metrics_module
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.metrics import letter_shares, task_metrics
from llavaction.evaluation.outcomes import outcomes_of
from llavaction.evaluation.predictions import Row, Trial
from llavaction.utils.errors import DataError
from tests.evaluation.rows import choice, heads, row, text


def test_choices() -> None:
    rows = [choice(0, 0), choice(1, 3, answer_idx=3), choice(2, 1), choice(3, 0, num_options=2)]

    # Chance: three questions of five options, one of two.
    assert task_metrics(rows) == {
        "num_questions": 4,
        "accuracy": 0.75,
        "chance": pytest.approx((3 * 0.2 + 0.5) / 4),
        "num_unparseable": 0,
    }


def test_an_answer_that_could_not_be_parsed_is_counted_and_wrong() -> None:
    metrics = task_metrics([choice(0, None, raw="hm"), choice(1, 0, raw="A")])

    assert metrics["num_unparseable"] == 1
    assert metrics["accuracy"] == 0.5


def test_written_answers() -> None:
    rows = [
        text(0, "Take the plate.", "take the plate", (1, 2, 3), top_actions=(3, 4), scores=(1.0, 0.5)),  # same words
        text(1, "grab plate", "take plate", (1, 2, 3), top_actions=(3, 7), scores=(0.9, 0.5)),  # others, near it
        text(2, "take cup", "take plate", (1, 9, 7), top_actions=(7, 8, 9, 1, 3), scores=(0.9,) * 5),  # verb right
        text(3, "wash plate", "take plate", (8, 2, 9), top_actions=(9, 8, 7, 1, 2, 3), scores=(0.9,) * 6),  # noun right
        text(4, "...", "take plate", None),  # no words
    ]

    assert task_metrics(rows) == {
        "num_questions": 5,
        "exact": 0.2,
        "verb": 0.6,
        "noun": 0.6,
        "action": 0.4,
        "action_top5": 0.6,
        "num_unknown": 4,
    }


def test_each_head_answers_for_itself() -> None:
    rows = [
        replace(heads(0, 1, 2, 3), top_actions=(3, 7)),
        heads(1, 1, 2, 7),  # verb and noun right, the action head not
        heads(2, 8, 9, 3),  # only the action head right
        heads(3, 8, 9, 7),
    ]

    assert task_metrics(rows) == {"num_questions": 4, "verb": 0.5, "noun": 0.5, "action": 0.5, "action_top5": 0.25}


def test_no_rows_are_an_error() -> None:
    with pytest.raises(DataError, match="no rows"):
        task_metrics([])


def in_orders(number: int, *chosen: int | None, answer_idx: int = 0) -> Row:
    """A question of as many options as orders, each with the option that was chosen."""
    size = len(chosen)
    orders = [tuple((start + place) % size for place in range(size)) for start in range(size)]
    trials = tuple(Trial(order, raw="", chosen_idx=idx) for order, idx in zip(orders, chosen))
    common = max((idx for idx in chosen if idx is not None), key=chosen.count, default=None)
    return choice(number, common, answer_idx=answer_idx, num_options=size, trials=trials)


def test_all_orders() -> None:
    rows = [
        in_orders(0, 0, 0, 0),  # right whatever the order
        in_orders(1, 2, 2, 2),  # as sure, and wrong
        in_orders(2, 0, 1, 2),  # always the first letter
        in_orders(3, 0, 0, None),  # once not to be read
    ]

    assert task_metrics(rows) == pytest.approx(
        {
            "num_questions": 4,
            "accuracy": (3 + 0 + 1 + 2) / 12,
            "accuracy_every_order": 0.25,
            "accuracy_common": 0.75,
            "consistency": 0.5,
            "chance": 1 / 3,
            "num_unparseable": 1,
            # Letters: A C B, C B A, A A A, A C: 6 of A, 2 of B, 3 of C.
            "letter_bias": (6 / 11 - 1 / 3),
        }
    )
    assert letter_shares(rows).tolist() == pytest.approx([6 / 11, 2 / 11, 3 / 11])


def test_letters_of_questions_of_one_size() -> None:
    with pytest.raises(DataError, match=r"questions with \[2, 5\] options"):
        letter_shares([choice(0, 0), choice(1, 0, num_options=2)])
    with pytest.raises(DataError, match="no answer could be read"):
        letter_shares([choice(0, None)])


def second_stage(number: int, answer_idx: int | None, *chosen: int | None) -> Row:
    """A question shown with 1, 2, ... candidates, and what was chosen each time; candidate i is action i."""
    trials = tuple(Trial(tuple(range(size))[::-1], raw="", chosen_idx=idx) for size, idx in enumerate(chosen, start=1))
    last = chosen[-1]
    return row(
        TaskName.TWO_STAGE,
        number,
        truth=(0, 0, 9 if answer_idx is None else answer_idx),
        options=tuple("abc"[: len(chosen)]),
        option_actions=tuple(range(len(chosen))),
        answer_idx=answer_idx,
        trials=trials,
        chosen_idx=last,
        predicted=None if last is None else (0, int(last != answer_idx), last),
    )


def test_a_second_stage_is_bound_by_its_candidates() -> None:
    rows = [
        second_stage(0, 0, 0, 0, 0),
        second_stage(1, 1, 0, 1, 2),  # right with two candidates, wrong with three
        second_stage(2, 2, 0, 1, 2),  # right as soon as it is there
        second_stage(3, None, 0, 0, None),
    ]

    assert task_metrics(rows) == pytest.approx(
        {
            "num_questions": 4,
            "verb": 0.75,
            "noun": 0.5,
            "action": 0.5,
            "recall": 0.75,
            "action_at_1": 0.25,
            "recall_at_1": 0.25,
            "action_at_2": 0.5,
            "recall_at_2": 0.5,
            "action_at_3": 0.5,
            "recall_at_3": 0.75,
            "chance": (1 + 1 / 2 + 1 / 3) / 3,
            "num_unparseable": 1,
        }
    )


def test_a_candidate_that_was_not_shown_bounds_nothing() -> None:
    shown = replace(second_stage(0, 2, 0), options=("a", "b", "c"), option_actions=(0, 1, 2))

    assert task_metrics([shown])["recall"] == 0
    assert task_metrics([replace(shown, answer_idx=0)])["recall"] == 1


@pytest.mark.parametrize(
    ("span", "iou"), [((1.0, 3.0), 1.0), ((2.0, 4.0), 1 / 3), ((3.0, 4.0), 0.0), ((0.0, 10.0), 0.2), (None, 0.0)]
)
def test_overlap_in_time(span: tuple[float, float] | None, iou: float) -> None:
    rows = [row(TaskName.TEMPORAL_DETECTION, 0, target=(1.0, 3.0), span=span)]

    assert task_metrics(rows) == {
        "num_questions": 1,
        "mean_iou": pytest.approx(iou),
        "r1_iou_0.3": iou >= 0.3,
        "r1_iou_0.5": iou >= 0.5,
        "r1_iou_0.7": iou >= 0.7,
        "num_unparseable": int(span is None),
    }


def test_descriptions_are_compared_with_the_true_ones() -> None:
    pytest.importorskip("pycocoevalcap", reason="the extra captions is not installed")
    rows = [
        row(TaskName.CAPTION, 0, answer="I put the plate down.", raw="i put the plate down"),
        row(TaskName.CAPTION, 1, answer="I open the small bottle.", raw="I wash a knife."),
        row(TaskName.CAPTION, 2, answer="I take a cup.", raw=""),
    ]
    metrics = task_metrics(rows)

    assert outcomes_of(rows, "rouge_l").tolist() == pytest.approx([1.0, 0.225, 0.0], abs=0.01)
    assert metrics["rouge_l"] == pytest.approx(outcomes_of(rows, "rouge_l").mean())
    assert outcomes_of(rows, "cider")[0] == pytest.approx(10.0)
    assert outcomes_of(rows, "cider")[2] == 0.0


def test_descriptions_need_no_library_to_be_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(metrics_module, "can_score_captions", lambda: False)

    assert task_metrics([row(TaskName.CAPTION, 0, raw="a")]) == {"num_questions": 1}
    assert "llavaction[captions]" in caplog.text


def test_what_has_no_answer_is_counted_and_is_no_part_of_the_figures() -> None:
    rows = [choice(0, 0), choice(1, 1), choice(2, None, excluded="broken")]

    assert task_metrics(rows) == {
        "num_questions": 2,
        "num_excluded": 1,
        "accuracy": 0.5,
        "chance": 0.2,
        "num_unparseable": 0,
    }
    with pytest.raises(DataError, match=r"row 'q/2' has no answer \(broken\)"):
        outcomes_of(rows, "accuracy")
    with pytest.raises(DataError, match="none of the 1 questions has an answer"):
        task_metrics(rows[2:])
