"""Groups of questions: every row in one, by the key it should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.evaluation.breakdowns import (
    LengthBin,
    break_down,
    check_samples,
    distractor_kind_of,
    estimate_groups,
    length_bin_of,
    noun_of,
    position_of,
    question_hashes,
    verb_of,
)
from llavaction.evaluation.predictions import Trial
from llavaction.sft.samples import ClipRef, Option, Role, Sample, Turn, View
from llavaction.utils.errors import ConfigError, DataError
from tests.evaluation.rows import choice, heads
from tests.properties import reproducible


def sample(number: int, length_s: float = 1.0, sources: tuple[str | None, ...] = (None, *("random",) * 4)) -> Sample:
    """The sample that `choice(number, ...)` answers."""
    return Sample(
        sample_id=f"q/{number}",
        view=View.MQA,
        segment_id=f"P01_01_{number}",
        clip=ClipRef("P01_01", 10.0, 10.0 + length_s),
        turns=(Turn(Role.USER, "what?"), Turn(Role.ASSISTANT, "A")),
        options=tuple(Option(f"option {idx}", idx, "A", source) for idx, source in enumerate(sources)),
        answer_idx=0,
    )


def by_id(*samples: Sample) -> dict[str, Sample]:
    return {item.sample_id: item for item in samples}


def test_by_verb_noun_and_position() -> None:
    rows = [
        choice(0, 0, truth=(4, 1, 0)),
        choice(1, 3, truth=(4, 2, 0)),
        choice(2, 2, truth=(0, 2, 0), answer_idx=2),
        choice(3, 0, truth=(0, 2, 0), answer_idx=2),
    ]
    shares = {name: (e.value, e.num_rows) for name, e in break_down(rows, verb_of).items()}

    assert shares == {0: (0.5, 2), 4: (0.5, 2)}
    assert list(break_down(rows, verb_of)) == [0, 4]
    assert {k: e.num_rows for k, e in break_down(rows, noun_of).items()} == {1: 1, 2: 3}
    assert {k: (e.value, e.num_rows) for k, e in break_down(rows, position_of).items()} == {0: (0.5, 2), 2: (0.5, 2)}


@reproducible
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=30))
def test_groups_make_up_the_whole(answers: list[tuple[int, int, int]]) -> None:
    rows = [choice(n, chosen, answer_idx=answer, truth=(v, 0, 0)) for n, (chosen, answer, v) in enumerate(answers)]
    groups = break_down(rows, verb_of)

    assert sum(e.num_rows for e in groups.values()) == len(rows)
    right = sum(round(e.value * e.num_rows) for e in groups.values())
    assert right == sum(chosen == answer for chosen, answer, _ in answers)
    assert groups == break_down(rows[::-1], verb_of)


def test_fewer_resamples_change_the_interval_alone() -> None:
    outcomes, videos = np.arange(40) % 3 == 0, [f"P01_{number // 4:02}" for number in range(40)]
    many, few = (
        estimate_groups(outcomes, videos, ["all"] * 40, "m", num_resamples=number)["all"] for number in (2_000, 200)
    )

    assert (
        (many.value, many.num_rows, many.num_clusters) == (few.value, few.num_rows, few.num_clusters) == (0.35, 40, 10)
    )
    assert many.low is not None and few.low is not None and many.low == pytest.approx(few.low, abs=0.03)
    assert many == estimate_groups(outcomes, videos, ["all"] * 40, "m")["all"]


@pytest.mark.parametrize(
    ("length_s", "name"),
    [
        (0.5, "0-1 s"),
        (1.0, "1-2 s"),
        (1.99, "1-2 s"),
        (2.0, "2-4 s"),
        (15.99, "8-16 s"),
        (16.0, "16+ s"),
        (147, "16+ s"),
    ],
)
def test_lengths_on_an_edge_belong_to_the_longer_bin(length_s: float, name: str) -> None:
    # Clips begin at 10 s, where differences of hundredths are not exact.
    assert str(length_bin_of(by_id(sample(0, length_s)))(choice(0, 0))) == name


def test_by_clip_length() -> None:
    samples = by_id(*(sample(number, length_s) for number, length_s in enumerate((0.4, 12.0, 3.0, 3.5))))
    groups = break_down([choice(number, number % 2) for number in range(4)], length_bin_of(samples, (2, 4)))

    assert list(groups) == [LengthBin(0, 2), LengthBin(2, 4), LengthBin(4, float("inf"))]
    assert [(e.value, e.num_rows) for e in groups.values()] == [(1, 1), (0.5, 2), (0, 1)]


def test_by_distractor_kind() -> None:
    kinds = [("random",) * 4, ("same_verb", "random", "same_verb", "random"), ("random",) * 4]
    samples = by_id(*(sample(number, sources=(None, *sources)) for number, sources in enumerate(kinds)))
    groups = break_down([choice(number, number) for number in range(3)], distractor_kind_of(samples))

    assert {kind: e.num_rows for kind, e in groups.items()} == {"random": 2, "random+same_verb": 1}


def test_other_metrics() -> None:
    rows = [replace(heads(0, 1, 9, 9), segment_id="P02_01_0"), heads(1, 2, 2, 3)]

    assert break_down(rows, verb_of, "noun")[1].value == 0.5
    with pytest.raises(ConfigError, match="no metric 'accuracy'"):
        break_down(rows, verb_of)
    with pytest.raises(DataError, match="'q/0' has no options"):
        break_down(rows, position_of, "noun")


def test_a_position_is_that_of_the_shown_letter() -> None:
    shown = Trial((3, 0, 1, 2, 4), chosen_idx=0)

    assert position_of(choice(0, 0, answer_idx=3, trials=(shown,))) == 0
    assert position_of(choice(0, 0, answer_idx=0, trials=(shown,))) == 1
    with pytest.raises(DataError, match="'q/0' was shown 2 times, its answer at more than one position"):
        position_of(choice(0, 0, trials=(shown, Trial((0, 1, 2, 3, 4), chosen_idx=0))))


def test_rows_of_another_build_are_found_by_the_hash() -> None:
    samples = by_id(sample(0), sample(1))
    hashes = question_hashes(samples)
    rows = [choice(number, 0, question_sha256=hashes[f"q/{number}"]) for number in range(2)]

    check_samples(rows, samples, hashes)
    for wrong in (choice(0, 0, question_sha256=hashes["q/1"]), choice(7, 0, question_sha256=hashes["q/1"])):
        with pytest.raises(DataError, match="answers another question than the sample of its id asks"):
            check_samples([*rows, wrong], samples, hashes)
    # Without a hash, as older rows are, by their options.
    check_samples([choice(0, 0), heads(1, 1, 2, 3)], samples, hashes)
    with pytest.raises(DataError, match="'q/0' has other options than its sample"):
        check_samples([choice(0, 0, num_options=4)], samples, hashes)


def test_rows_of_other_samples_are_refused() -> None:
    of_kind = distractor_kind_of(by_id(sample(0), sample(1, sources=(None,) * 5)))
    shuffled = replace(choice(0, 0), options=tuple(f"option {idx}" for idx in (4, 2, 0, 1, 3)))

    assert of_kind(shuffled) == "random"
    with pytest.raises(DataError, match="'q/7' answers none of the 2 samples"):
        of_kind(choice(7, 0))
    with pytest.raises(DataError, match="'q/0' has other options than its sample"):
        of_kind(choice(0, 0, num_options=4))
    with pytest.raises(DataError, match="'q/1' does not tell where its wrong options come from"):
        of_kind(choice(1, 0))
