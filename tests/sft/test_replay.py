import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.sft.conversations import Fault, parse_entry
from llavaction.sft.replay import ReplayConfig, build_replay, read_conversations
from llavaction.sft.samples import MEDIA_MARK, MediaKind, MediaRef, Role, View, read_samples, write_samples
from llavaction.utils.errors import ConfigError, DataError
from tests.properties import reproducible


def turns(*values):
    return [{"from": speaker, "value": value} for speaker, value in zip(("human", "gpt") * len(values), values)]


def entry(*values, **more):
    return {"id": "7", "conversations": turns(*(values or ("Why?", "Because."))), **more}


def write(folder, entries, name="mix.json"):
    path = folder / name
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in entries))
    else:
        path.write_text(json.dumps(entries))
    return path


# As a public file has them: a video whose tag says image, a picture, several with their places, text alone.
PUBLIC = [
    entry(
        "<image>\nWhat happens?", "A dog barks.", "Loudly?", "Yes.", id="a-0", video="academic/164.mp4", data_source="x"
    ),
    entry("What is it?\n<image>", "A cup.", id=9, image="coco/train2017/000000033471.jpg"),
    entry("Is <image> like <image>?", "No.", id="b", image=["one.jpg", "two.png"], metadata={"source": None}),
    entry("Write a poem.", "Roses.", id="wgByO4Y_0", model=""),
]


@pytest.mark.parametrize("name", ["mix.json", "mix.jsonl"])
def test_public_format(tmp_path, name):
    video, picture, several, text = read_conversations(write(tmp_path, PUBLIC, name))
    assert [sample.sample_id for sample in (video, picture, several, text)] == [
        f"replay/mix/{name}" for name in ("a-0", "9", "b", "wgByO4Y_0")
    ]
    assert video.media == (MediaRef(MediaKind.VIDEO, "academic/164.mp4"),)
    assert [turn.text for turn in video.turns] == ["What happens?", "A dog barks.", "Loudly?", "Yes."]
    assert [turn.role for turn in video.turns] == [Role.USER, Role.ASSISTANT] * 2
    assert picture.media == (MediaRef(MediaKind.IMAGE, "coco/train2017/000000033471.jpg"),)
    assert picture.question == "What is it?"
    assert several.question == f"Is {MEDIA_MARK} like {MEDIA_MARK}?"
    assert [medium.path for medium in several.media] == ["one.jpg", "two.png"]
    assert text.media == () and text.question == "Write a poem."
    assert {(sample.view, sample.segment_id, sample.clip) for sample in (video, picture, several, text)} == {
        (View.REPLAY, None, None)
    }


def test_samples_are_written_and_read(tmp_path):
    samples = read_conversations(write(tmp_path, PUBLIC))
    write_samples(tmp_path / "train_replay.jsonl", samples)
    assert read_samples(tmp_path / "train_replay.jsonl") == samples


@pytest.mark.parametrize(
    ("text", "num_files", "expected"),
    [
        ("What?", 1, "What?"),
        ("What?", 3, "What?"),
        ("<image>\nWhat?", 1, "What?"),
        ("<image>What? ", 1, "What? "),
        (" \n<image>\n\nWhat?", 1, "What?"),
        ("What?\n<image>\n", 1, "What?"),
        ("<image>", 1, ""),
        ("In <image> what?", 1, f"In {MEDIA_MARK} what?"),
        ("<image>\n<image>\nSame?", 2, f"{MEDIA_MARK}\n{MEDIA_MARK}\nSame?"),
    ],
)
def test_places_of_tags(text, num_files, expected):
    files = [f"{i}.mp4" for i in range(num_files)]
    assert parse_entry(entry(text, "Yes.", video=files)).turns[0].text == expected
    videos = text.replace("<image>", "<video>")
    assert parse_entry(entry(videos, "Yes.", video=files)).turns[0].text == expected


def test_a_tag_in_a_later_turn_stays_there():
    conversation = parse_entry(entry("Hello.", "Hi.", "<image>\nAnd this?", "A cup.", image="a.jpg"))
    assert [turn.text for turn in conversation.turns] == ["Hello.", "Hi.", f"{MEDIA_MARK}\nAnd this?", "A cup."]


def test_a_tag_in_an_answer_is_text():
    conversation = parse_entry(entry("Which HTML?", "Use <image> or <video>."))
    assert conversation.turns[1].text == "Use <image> or <video>."


BROKEN = {
    "not_an_object": ("text", Fault.FIELDS, "expected a JSON object"),
    "no_turns": ({"id": "7"}, Fault.FIELDS, "`conversations` is missing"),
    "turn_without_value": ({"conversations": [{"from": "human"}, {"from": "gpt"}]}, Fault.FIELDS, "expected a text"),
    "odd_id": (entry(id=[1]), Fault.FIELDS, r"`id` is \[1\]; expected a text"),
    "odd_file": (entry(image={"bytes": ""}), Fault.FIELDS, "in `image` is .*; expected a text"),
    "empty_conversation": (entry() | {"conversations": []}, Fault.TURN_ORDER, "alternate"),
    "no_answer": (entry("Why?", "So.", "Sure?"), Fault.TURN_ORDER, "end with gpt; found .'human', 'gpt', 'human'"),
    "answer_first": ({"conversations": turns("", "Hi.", "What?")[1:]}, Fault.TURN_ORDER, "found .'gpt', 'human'"),
    "stranger": ({"conversations": [{"from": "bot", "value": "Hi."}]}, Fault.TURN_ORDER, "found .'bot'"),
    "system": (
        {"conversations": [{"from": "system", "value": "Be kind."}, *turns("Why?", "So.")]},
        Fault.SYSTEM_TURN,
        "system turn",
    ),
    "empty_answer": (entry("Why?", "\n"), Fault.TEXT, "empty"),
    "mark": (entry(f"What is {MEDIA_MARK}?", "Odd."), Fault.TEXT, "stands for pictures"),
    "mark_in_answer": (entry("What?", MEDIA_MARK), Fault.TEXT, "stands for pictures"),
    "half_a_pair": (entry("What?", "A \ud83d."), Fault.TEXT, "surrogate"),
    "tag_without_file": (entry("<image>\nWhat?", "A cup."), Fault.TAGS, r"1 tags \(<image>\) and 0 files"),
    "too_many_tags": (entry("<image> <image>?", "No.", image="a.jpg"), Fault.TAGS, "2 tags .* and 1 files"),
    "too_few_tags": (entry("<image>\nSame?", "No.", image=["a.jpg", "b.jpg"]), Fault.TAGS, "1 tags .* and 2 files"),
    "tag_of_a_video": (entry("<video>\nWhat?", "A cup.", image="a.jpg"), Fault.TAGS, "files are images"),
    "both_kinds": (entry("What?", "A cup.", image="a.jpg", video="a.mp4"), Fault.TAGS, "both"),
    "upwards": (entry(image="../a.jpg"), Fault.PATH, "would leave"),
    "upwards_inside": (entry(video="a/../../b.mp4"), Fault.PATH, "would leave"),
    "absolute": (entry(video="/etc/passwd"), Fault.PATH, "would leave"),
    "windows": (entry(image="..\\a.jpg"), Fault.PATH, "would leave"),
    "no_name": (entry(image=""), Fault.TEXT, "empty"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_entry_is_named_or_skipped(tmp_path, name):
    broken, fault, problem = BROKEN[name]
    path = write(tmp_path, [*PUBLIC, broken])
    with pytest.raises(DataError, match=rf"mix\.json: entry 5 \(id .*{problem}.*skip_broken"):
        read_conversations(path)
    with pytest.raises(DataError, match="entry 5"):
        build_replay(ReplayConfig(str(path)), seed=0)
    samples, counts = build_replay(ReplayConfig(str(path), skip_broken=True), seed=0)
    assert samples == sorted(read_conversations(write(tmp_path, PUBLIC)), key=lambda sample: sample.sample_id)
    assert counts == {
        "entries": 5,
        "missing_ids": 0,
        "repeated_ids": 0,
        f"broken_{fault}": 1,
        "over_limit": 0,
        "samples": 4,
    }


def test_nothing_left(tmp_path):
    with pytest.raises(DataError, match=r"mix\.json: none of its entries .*'broken_turn_order': 1"):
        build_replay(ReplayConfig(str(write(tmp_path, [entry("Why?")])), skip_broken=True), seed=0)


@pytest.mark.parametrize("text", ['{"id": 1}', "[", "[1"])
def test_a_file_that_is_no_list(tmp_path, text):
    path = tmp_path / "mix.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"mix\.json"):
        read_conversations(path)


def test_missing_and_repeated_ids(tmp_path):
    without = {"conversations": turns("A?", "a")}
    rows = [entry("One?", "1"), entry("Two?", "2"), entry("Two?", "2"), without, {**without, "id": None}, PUBLIC[0]]
    samples, counts = build_replay(ReplayConfig(str(write(tmp_path, rows))), seed=0)
    ids = [sample.sample_id for sample in samples]
    assert len(set(ids)) == 6
    assert counts == {"entries": 6, "missing_ids": 2, "repeated_ids": 3, "over_limit": 0, "samples": 6}
    by_question = {sample.question: sample.sample_id for sample in samples}
    assert by_question["One?"].startswith("replay/mix/7~") and by_question["Two?"].startswith("replay/mix/7~")
    assert by_question["A?"].startswith("replay/mix/~") and by_question["What happens?"] == "replay/mix/a-0"
    assert sum(sample_id.endswith("~2") for sample_id in ids) == 2
    # The order of the file does not matter.
    again, _ = build_replay(ReplayConfig(str(write(tmp_path, rows[::-1]))), seed=0)
    assert again == samples


@reproducible
@given(st.permutations(range(12)), st.integers(1, 14), st.integers(0, 3))
def test_a_limit_draws_by_id_whatever_the_order(tmp_path_factory, order, limit, seed):
    folder = tmp_path_factory.mktemp("replay")
    rows = [entry(f"Question {i}?", str(i), id=str(i)) for i in range(12)]
    everything, _ = build_replay(ReplayConfig(str(write(folder, rows))), seed)
    drawn, counts = build_replay(ReplayConfig(str(write(folder, rows)), limit=limit), seed)
    shuffled, _ = build_replay(ReplayConfig(str(write(folder, [rows[i] for i in order])), limit=limit), seed)
    assert shuffled == drawn == [sample for sample in everything if sample in drawn]
    assert counts["samples"] == len(drawn) == min(limit, 12) and counts["over_limit"] == max(12 - limit, 0)


def test_seeds_draw_differently(tmp_path):
    path = write(tmp_path, [entry(f"Question {i}?", str(i), id=str(i)) for i in range(40)])
    draws = [build_replay(ReplayConfig(str(path), limit=5), seed)[0] for seed in (0, 1)]
    assert draws[0] != draws[1]


def test_a_file_must_be_named():
    with pytest.raises(ConfigError, match="path is not set"):
        build_replay(ReplayConfig(), seed=0)


def test_limit_must_be_positive():
    with pytest.raises(ConfigError, match="limit = 0"):
        ReplayConfig("mix.json", limit=0)
