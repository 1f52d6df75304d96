"""A draw depends on ids and the seed alone, and can be found again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from llavaction.reports.audit.config import AuditConfig, Draw
from llavaction.reports.audit.drawing import Drawing, draw_questions, make_drawing, read_drawn
from llavaction.reports.audit.questions import Choice, Question
from llavaction.utils.errors import DataError
from tests.reports.audit.conftest import TEXTS, sample


def made(number: int, strategy: str = "s", action: str = "take plate") -> Question:
    return Question(sample(number, strategy), strategy, Choice(0, "t", action, True, True), ())


def ids(questions: list[Question]) -> list[str]:
    return [question.sample.sample_id for question in questions]


MANY = [made(number) for number in range(200)]


def test_the_order_of_the_file_does_not_matter() -> None:
    drawn = ids(draw_questions(MANY, 20, Draw.UNIFORM, 0))

    assert ids(draw_questions(MANY[::-1], 20, Draw.UNIFORM, 0)) == drawn
    assert len(set(drawn)) == 20
    assert ids(draw_questions(MANY, 20, Draw.UNIFORM, 1)) != drawn


def test_a_smaller_draw_is_the_beginning_of_a_larger_one() -> None:
    assert ids(draw_questions(MANY, 5, Draw.UNIFORM, 0)) == ids(draw_questions(MANY, 50, Draw.UNIFORM, 0))[:5]


def test_other_questions_do_not_change_who_comes_before_whom() -> None:
    drawn = ids(draw_questions(MANY, 200, Draw.UNIFORM, 0))
    fewer = ids(draw_questions(MANY[:100], 200, Draw.UNIFORM, 0))

    assert fewer == [sample_id for sample_id in drawn if sample_id in set(fewer)]


def test_the_seed_gives_each_question_the_same_chance() -> None:
    hits = Counter(sample_id for seed in range(400) for sample_id in ids(draw_questions(MANY, 20, Draw.UNIFORM, seed)))

    # Binomial(400, 0.1): 40 on average, standard deviation 6.
    assert len(hits) == 200
    assert all(abs(count - 40) < 5 * 6 for count in hits.values())


def test_per_action_no_action_comes_twice_before_all_came_once() -> None:
    frequent = [made(number, action="take plate") for number in range(50)]
    rare = [made(100 + number, action=f"action {number}") for number in range(4)]
    drawn = draw_questions([*frequent, *rare], 7, Draw.PER_ACTION, 0)

    assert len({question.answer.action for question in drawn[:5]}) == 5
    assert {question.answer.action for question in drawn[5:]} == {"take plate"}
    assert ids(drawn[:5]) != sorted(ids(drawn[:5]))


def test_per_action_each_strategy_has_its_own_turns() -> None:
    many = [made(number, "one", "take plate") for number in range(50)]
    few = [made(0, "two", "take plate"), *[made(number, "two", "put plate") for number in range(1, 4)]]
    drawn = [
        question for question in draw_questions([*many, *few], 8, Draw.PER_ACTION, 0) if question.strategy == "two"
    ]

    assert [question.answer.action for question in drawn[2:]] == ["put plate"] * 2
    assert len({question.answer.action for question in drawn[:2]}) == 2


@pytest.mark.parametrize("draw", Draw)
def test_strategies_have_equal_shares(draw: Draw) -> None:
    both = [*[made(number, "one") for number in range(150)], *[made(number, "two") for number in range(20)]]
    drawn = draw_questions(both, 30, draw, 0)

    assert Counter(question.strategy for question in drawn) == {"one": 15, "two": 15}
    assert len(draw_questions(both, 1000, draw, 0)) == 170


def test_a_drawing_is_found_again(write_folder: Callable[..., str], tmp_path: Path) -> None:
    path = write_folder([sample(number) for number in range(10)])
    drawing, questions = make_drawing(AuditConfig(samples=path, num_questions=4, seed=3, draw=Draw.PER_ACTION))
    drawing.save(tmp_path)
    loaded = Drawing.load(tmp_path)

    assert loaded == drawing
    assert (len(questions), loaded.seed, loaded.draw) == (4, 3, Draw.PER_ACTION)
    assert list(loaded.samples_sha256) == [path]
    assert read_drawn(loaded, []) == questions


def test_samples_that_were_moved_can_be_given(write_folder: Callable[..., str], tmp_path: Path) -> None:
    path = write_folder([sample(number) for number in range(10)])
    drawing, questions = make_drawing(AuditConfig(samples=path, num_questions=4))
    (tmp_path / "specialist").rename(tmp_path / "elsewhere")

    with pytest.raises(DataError, match=r"validation_mqa\.jsonl: no such file"):
        read_drawn(drawing, [])
    assert read_drawn(drawing, [str(tmp_path / "elsewhere" / "validation_mqa.jsonl")]) == questions


def test_a_question_that_is_gone_is_named(write_folder: Callable[..., str]) -> None:
    drawing, _ = make_drawing(AuditConfig(samples=write_folder([sample(0)])))
    write_folder([replace(sample(0, texts=TEXTS), sample_id="mqa/specialist/other")])

    with pytest.raises(DataError, match=r"no question 'mqa/specialist/P01_01_0', which was drawn; give the files"):
        read_drawn(drawing, [])


@pytest.mark.parametrize(
    ("text", "error"),
    [(None, "no such file; set output=FOLDER to where"), ("{}", "KeyError"), ('{"seed":', "not JSON")],
)
def test_a_folder_without_a_drawing_is_an_error(text: str | None, error: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "drawing.json").write_text(text)

    with pytest.raises(DataError, match=error):
        Drawing.load(tmp_path)
