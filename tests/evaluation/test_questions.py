from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from llavaction.evaluation.config import EvaluationConfig, TaskConfig, TaskName
from llavaction.evaluation.questions import check_heads, draw_questions, hash_question, read_questions, words_of
from llavaction.sft.classes import ClassTable
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import ActionLabel, ClipRef, Role, Sample, Turn, View
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.jsonl import write_json, write_jsonl

CLASSES = ClassTable(("take", "put"), ("cup",), ("0:0", "1:0"), {"take cup": "0:0"})
TURNS = (Turn(Role.USER, "What am I doing?"), Turn(Role.ASSISTANT, "take cup"))


def make_samples(number):
    clip = ClipRef("P01_01", 0.0, 1.0)
    return [Sample(f"direct/{i}", View.DIRECT, f"{i}", clip, TURNS, ActionLabel(0, 0, 0)) for i in range(number)]


def ids(samples):
    return [sample.sample_id for sample in samples]


def test_a_draw_depends_on_seed_and_ids_alone():
    samples = make_samples(50)
    drawn = draw_questions(samples, 20, seed=0)
    assert len(set(ids(drawn))) == 20
    assert drawn == [sample for sample in samples if sample in drawn]
    assert set(ids(draw_questions(samples[::-1], 20, seed=0))) == set(ids(drawn))
    assert draw_questions(samples, 20, seed=1) != drawn
    assert set(ids(draw_questions(samples, 10, seed=0))) < set(ids(drawn))


@pytest.mark.parametrize("number", [None, 3, 4])
def test_few_enough_are_asked_all(number):
    samples = make_samples(3)
    assert draw_questions(samples, number, seed=0) == samples


def write(folder, classes=CLASSES, number=8):
    folder.mkdir()
    classes.save(folder)
    path = folder / "validation.jsonl"
    write_jsonl(path, [sample.to_row() for sample in make_samples(number)])
    return str(path)


def test_limit_comes_before_the_draw(tmp_path):
    tasks = {
        "mine": TaskConfig(samples=write(tmp_path / "a"), limit=4),
        "all": TaskConfig(samples=write(tmp_path / "b")),
    }
    questions = read_questions(EvaluationConfig(tasks, num_questions=3), CLASSES, "the model")
    assert list(questions) == ["mine", "all"]
    assert [len(asked) for asked in questions.values()] == [3, 3]
    assert set(ids(questions["mine"])) < {f"direct/{i}" for i in range(4)}


def test_what_cannot_be_asked_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no tasks"):
        read_questions(EvaluationConfig(), CLASSES, "the model")
    tasks = {"mine": TaskConfig(samples=write(tmp_path / "a", ClassTable(("take",), ("cup",), ("0:0",), {})))}
    with pytest.raises(DataError, match="the model"):
        read_questions(EvaluationConfig(tasks), CLASSES, "the model")
    with pytest.raises(ConfigError, match="num_questions = 0"):
        EvaluationConfig(num_questions=0)


def test_a_question_is_known_by_all_that_it_says():
    (sample,) = make_samples(1)
    assert hash_question(sample) == hash_question(replace(sample)) and len(hash_question(sample)) == 16
    for change in ({"clip": ClipRef("P01_01", 0.0, 1.5)}, {"turns": (Turn(Role.USER, "What?"), TURNS[1])}):
        assert hash_question(replace(sample, **change)) != hash_question(sample)


def test_the_words_are_those_of_the_build(tmp_path):
    assert words_of(tmp_path / "mqa.jsonl") is None
    manifest = {**{key: {} for key in ("files", "sources", "prompts")}, "seed": 0, "distractors": "random"}
    for config, problem in (({}, "no prompts in its config"), ({"prompts": {"nmae": "x"}}, "unexpected keyword")):
        write_json(tmp_path / "manifest.json", {**manifest, "config": config})
        with pytest.raises(DataError, match=f"{problem}.*build the samples again"):
            words_of(tmp_path / "mqa.jsonl")
    words = PromptsConfig(name="mine", mqa_question="{options}", direct_question="What?")
    write_json(tmp_path / "manifest.json", {**manifest, "config": {"prompts": asdict(words)}})
    assert words_of(tmp_path / "mqa.jsonl") == words


def test_heads_must_be_there():
    config = EvaluationConfig({"mine": TaskConfig(TaskName.ACTION_HEAD, "x"), "other": TaskConfig(samples="x")})
    with pytest.raises(ConfigError, match="task 'mine' asks the heads of the action token, and this model has none"):
        check_heads(config, SimpleNamespace(action_token=None))
    check_heads(config, SimpleNamespace(action_token=object()))
