from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.sft.samples import (
    ActionLabel,
    ClipRef,
    MediaKind,
    MediaRef,
    Option,
    PriorAction,
    Role,
    Sample,
    TimeSpan,
    Turn,
    View,
    read_samples,
    sample_files,
    write_samples,
)
from llavaction.utils.errors import DataError
from tests.properties import reproducible

SAMPLE = Sample(
    sample_id="mqa/random/P01_11_0",
    view=View.MQA,
    segment_id="P01_11_0",
    clip=ClipRef("P01_11", 0.0, 1.89),
    turns=(Turn(Role.USER, "Which?\nA. put down plate\nB. take plate"), Turn(Role.ASSISTANT, "B. take plate")),
    action=ActionLabel(0, 2, 7),
    options=(Option("put down plate", 31, "A. put down plate", "random"), Option("take plate", 7, "B. take plate")),
    answer_idx=1,
)
FULL = replace(
    SAMPLE,
    sample_id="temporal_order/random/P01_11_0",
    view=View.TEMPORAL_ORDER,
    prior=(PriorAction("P01_10_9", "open door", 2.5),),
    target=TimeSpan(0.0, 1.0),
)
REPLAY = Sample(
    sample_id="replay/mix/1",
    view=View.REPLAY,
    segment_id=None,
    clip=None,
    turns=(Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "A cup.")),
    media=(MediaRef(MediaKind.IMAGE, "a/b.jpg"), MediaRef(MediaKind.VIDEO, "c.mp4")),
)
CANDIDATES = replace(
    SAMPLE,
    sample_id="candidates/specialist/P01_11_0",
    view=View.CANDIDATES,
    options=tuple(replace(option, source="specialist") for option in SAMPLE.options),
)
WITHOUT_TRUTH = replace(
    CANDIDATES,
    sample_id="candidates/specialist/P01_11_1",
    turns=(CANDIDATES.turns[0], Turn(Role.ASSISTANT, "open door")),
    action=ActionLabel(3, 4, 9),
    answer_idx=None,
)
PLAIN = replace(SAMPLE, sample_id="direct/P01_11_0", view=View.DIRECT, options=(), answer_idx=None, action=None)


def test_question_and_answer_are_the_first_and_the_last_turn() -> None:
    longer = replace(SAMPLE, turns=(*SAMPLE.turns, Turn(Role.USER, "Sure?"), Turn(Role.ASSISTANT, "Yes.")))
    assert longer.question == SAMPLE.question == SAMPLE.turns[0].text
    assert (SAMPLE.answer, longer.answer) == ("B. take plate", "Yes.")


def test_samples_survive_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "samples.jsonl"
    samples = [SAMPLE, PLAIN, FULL, REPLAY, CANDIDATES, WITHOUT_TRUTH]
    lines = write_samples(path, iter(samples))
    assert path.read_text(encoding="utf-8").splitlines() == lines
    assert read_samples(path) == samples
    assert list(path.parent.iterdir()) == [path]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@reproducible
@given(texts, texts, texts, st.integers(0, 10**6), st.integers(1, 10**6))
def test_any_text_and_time_survives(
    tmp_path_factory: pytest.TempPathFactory, name: str, question: str, answer: str, start: int, length: int
) -> None:
    sample = replace(
        PLAIN,
        sample_id=name,
        clip=ClipRef(name, start / 100, (start + length) / 100),
        turns=(Turn(Role.USER, question), Turn(Role.ASSISTANT, answer)),
    )
    path = tmp_path_factory.mktemp("samples") / "samples.jsonl"
    write_samples(path, [sample])
    assert read_samples(path) == [sample]


def test_the_file_form_is_plain_json(tmp_path: Path) -> None:
    write_samples(tmp_path / "samples.jsonl", [SAMPLE])
    assert json.loads((tmp_path / "samples.jsonl").read_text()) == {
        "sample_id": "mqa/random/P01_11_0",
        "view": "mqa",
        "segment_id": "P01_11_0",
        "clip": {"video_id": "P01_11", "start_s": 0.0, "stop_s": 1.89},
        "turns": [
            {"role": "user", "text": "Which?\nA. put down plate\nB. take plate"},
            {"role": "assistant", "text": "B. take plate"},
        ],
        "action": {"verb_id": 0, "noun_id": 2, "action_id": 7},
        "options": [
            {"text": "put down plate", "action_id": 31, "answer": "A. put down plate", "source": "random"},
            {"text": "take plate", "action_id": 7, "answer": "B. take plate"},
        ],
        "answer_idx": 1,
    }


def row_with(**changes: Any) -> dict[str, Any]:
    """The sample's row with fields changed, or left out where the new value is `...`."""
    row = {**json.loads(json.dumps(SAMPLE.to_row())), **changes}
    return {key: value for key, value in row.items() if value is not ...}


OPTION = {"text": "take plate", "action_id": 7, "answer": "A. take plate"}
CLIP = {"video_id": "P01_11", "start_s": 0.0, "stop_s": 1.89}
DEFECTS = [
    (row_with(view=...), "KeyError: 'view'"),
    (row_with(turns=...), "KeyError: 'turns'"),
    (row_with(anwser_idx=0), r"unknown fields \['anwser_idx'\]"),
    (row_with(view="riddle"), "'riddle' is not a valid View"),
    (row_with(turns=[{"role": "system", "text": "x"}]), "'system' is not a valid Role"),
    (row_with(turns=[{"role": "user", "text": "x", "loss": 1}]), "unexpected keyword argument 'loss'"),
    (row_with(turns=[]), "turns must alternate"),
    (row_with(turns=[{"role": "user", "text": "x"}]), "turns must alternate"),
    (row_with(turns=[{"role": "assistant", "text": "x"}, {"role": "user", "text": "x"}]), "turns must alternate"),
    (row_with(clip={**CLIP, "stop_s": 0.0}), "must have 0 <= start_s < stop_s"),
    (row_with(clip={**CLIP, "start_s": -0.1}), "must have 0 <= start_s < stop_s"),
    (row_with(clip={**CLIP, "stop_s": "1.89"}), "TypeError"),
    (row_with(clip={**CLIP, "fps": 30}), "unexpected keyword argument 'fps'"),
    (row_with(action={"verb_id": 0}), "missing 2 required positional arguments"),
    (row_with(options=[{"text": "take plate"}]), "missing 2 required positional arguments"),
    (row_with(answer_idx=None), "options and answer_idx come together"),
    (row_with(options=[]), "options and answer_idx come together"),
    (row_with(answer_idx=2), "answer_idx 2 is not one of 2 options"),
    (row_with(answer_idx=-1), "answer_idx -1 is not one of 2 options"),
    (row_with(segment_id=None), "every view is about a segment and names it, save replay"),
    (row_with(view="replay"), "every view is about a segment and names it, save replay"),
    (row_with(media=[{"kind": "image", "path": "a.jpg"}]), "it shows a clip and files; one or the other"),
    (row_with(clip=None, media=[{"kind": "sound", "path": "a.wav"}]), "'sound' is not a valid MediaKind"),
    (row_with(clip=None, media=[{"kind": "image"}]), "KeyError: 'path'"),
    (row_with(prior=[{"segment_id": "P01_10_9", "text": "open door"}]), "missing 1 required positional argument"),
    (row_with(target={"start_s": 0.5, "stop_s": 0.5}), "target .* does not lie within clip"),
    (row_with(target={"start_s": -0.1, "stop_s": 0.5}), "target .* does not lie within clip"),
    (row_with(target={"start_s": 0.5, "stop_s": 1.91}), "target .* does not lie within clip"),
    (row_with(target={"start_s": 0.5, "stop_s": 1.0}, clip=None), "target .* does not lie within clip"),
    (row_with(target={"start_s": 0.5}), "missing 1 required positional argument"),
    (row_with(view="candidates", answer_idx=0), "answer_idx is 0, but the true class stands at 1"),
    (row_with(view="candidates", answer_idx=...), "answer_idx is None, but the true class stands at 1"),
    (row_with(view="candidates", action={"verb_id": 3, "noun_id": 4, "action_id": 9}), "true class stands at None"),
    (row_with(view="candidates", action=...), r"needs candidates of different classes .* the true one \(None\)"),
    (row_with(view="candidates", options=[], answer_idx=...), r"needs candidates of different classes \(\[\]\)"),
    (row_with(view="candidates", options=[OPTION, OPTION], answer_idx=0), r"different classes \(\[7, 7\]\)"),
]


@pytest.mark.parametrize(("row", "problem"), DEFECTS)
def test_a_bad_sample_is_named_by_line_and_id(tmp_path: Path, row: dict[str, Any], problem: str) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps(PLAIN.to_row()) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(DataError, match=rf"samples\.jsonl:2: sample 'mqa/random/P01_11_0': .*{problem}"):
        read_samples(path)


def test_half_a_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    lines = write_samples(path, [SAMPLE, PLAIN])
    path.write_text(lines[0] + "\n" + lines[1][:40])
    with pytest.raises(DataError, match=r"samples\.jsonl:2: not JSON"):
        read_samples(path)


def test_an_id_that_stands_twice_is_named(tmp_path: Path) -> None:
    write_samples(tmp_path / "samples.jsonl", [SAMPLE, PLAIN, SAMPLE])
    with pytest.raises(DataError, match=r"samples\.jsonl:3: 'mqa/random/P01_11_0' stands in the file twice"):
        read_samples(tmp_path / "samples.jsonl")


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").touch()
    with pytest.raises(DataError, match=r"samples\.jsonl: no samples"):
        read_samples(tmp_path / "samples.jsonl")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.jsonl: no such file"):
        read_samples(tmp_path / "absent.jsonl")


def write_shards(folder: Path, *shards: list[Sample]) -> Path:
    """Files of one view, as a build with shards writes them."""
    for number, samples in enumerate(shards):
        write_samples(folder / f"train_mqa-{number:05}-of-{len(shards):05}.jsonl", samples)
    return folder / "train_mqa.jsonl"


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    path = write_shards(tmp_path, [FULL], [], [SAMPLE, PLAIN])
    assert read_samples(path) == [FULL, SAMPLE, PLAIN]
    write_samples(tmp_path / "train_mqa_more.jsonl", [REPLAY])
    write_samples(tmp_path / "old_train_mqa-00000-of-00001.jsonl", [REPLAY])
    assert len(sample_files(path)) == 3


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_missing_shard_is_an_error(tmp_path: Path, number: int) -> None:
    path = write_shards(tmp_path, [FULL], [SAMPLE], [PLAIN])
    sample_files(path)[number].unlink()
    with pytest.raises(DataError, match=r"train_mqa\.jsonl: expected the shards .*, found"):
        read_samples(path)


def test_shards_beside_the_whole_file_are_an_error(tmp_path: Path) -> None:
    path = write_shards(tmp_path, [FULL], [SAMPLE])
    write_samples(path, [PLAIN])
    with pytest.raises(DataError, match=r"train_mqa\.jsonl: expected the shards"):
        read_samples(path)


def test_an_id_in_two_shards_is_named(tmp_path: Path) -> None:
    path = write_shards(tmp_path, [FULL, SAMPLE], [SAMPLE])
    with pytest.raises(DataError, match=r"00001-of-00002\.jsonl: 'mqa/random/P01_11_0' stands in another file of"):
        read_samples(path)


def test_shards_of_odd_names_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "a [b] *"
    assert read_samples(write_shards(folder, [FULL], [SAMPLE])) == [FULL, SAMPLE]


def test_a_sample_without_a_clip_says_so() -> None:
    assert SAMPLE.shown_clip == ClipRef("P01_11", 0.0, 1.89)
    with pytest.raises(DataError, match=r"sample 'replay/mix/1': it shows no clip of a video"):
        _ = REPLAY.shown_clip
