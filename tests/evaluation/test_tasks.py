import dataclasses

import pytest
import torch

from llavaction.evaluation.answering import Answerer, Prompt
from llavaction.evaluation.config import EvaluationConfig, MqaMode, TaskConfig, TaskName
from llavaction.evaluation.tasks import TASKS
from llavaction.evaluation.tasks.common import Exam
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import ActionLabel, ClipRef, Option, Role, Sample, Turn, View
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import DataError

CLASSES = ClassTable(("take", "put"), ("cup", "plate"), ("0:0", "1:1"), {"take cup": "0:0", "put down plate": "1:1"})
OPTIONS = (Option("take cup", 0, "A. take cup"), Option("put down plate", 1, "B. put down plate"))
TURNS = (Turn(Role.USER, "What am I doing?\nA. take cup\nB. put down plate"), Turn(Role.ASSISTANT, OPTIONS[1].answer))
SAMPLE = Sample("mqa/x", View.MQA, "x", ClipRef("P01_01", 0.0, 1.0), TURNS, ActionLabel(1, 1, 1), OPTIONS, 1)


class WritingAnswerer(Answerer):
    """Says what it is told to."""

    text = ""

    def generate(self, prompts, max_new_tokens):
        return [self.text] * len(prompts)


@pytest.fixture(scope="module")
def answerer():
    model = tiny_model()
    return WritingAnswerer(model, tiny_processor(model), CLASSES)


def ask(answerer, task, mode=MqaMode.OPTION, sample=SAMPLE):
    prompt = Prompt(
        answerer.processor.prompt_ids(sample.turns[:-1], 2), answerer.encode([torch.zeros(2, 3, 12, 12)])[0]
    )
    exam = Exam("exam", TaskConfig(task, "x.jsonl", mode), EvaluationConfig(), answerer)
    (row,) = TASKS[task](exam, [sample], [prompt])
    assert (row.task, row.kind, row.sample_id, row.truth) == ("exam", task, sample.sample_id, (1, 1, 1))
    return row, prompt


@pytest.mark.parametrize(
    ("mode", "lines"), [(MqaMode.OPTION, ["A. take cup", "B. put down plate"]), (MqaMode.LETTER, ["A", "B"])]
)
def test_the_likeliest_line_is_chosen(answerer, mode, lines):
    row, prompt = ask(answerer, TaskName.MQA, mode)
    expected = answerer.score([prompt], [[answerer.processor.answer_ids(line) for line in lines]])[0]
    assert row.scores == pytest.approx(expected)
    assert row.chosen_idx == expected.index(max(expected))
    assert row.answer_idx == 1 and row.options == ("take cup", "put down plate")


@pytest.mark.parametrize(("text", "chosen"), [("B. put down plate", 1), ("take cup", 0), ("no idea", None)])
def test_a_written_choice_is_parsed(answerer, monkeypatch, text, chosen):
    monkeypatch.setattr(WritingAnswerer, "text", text)
    row, _ = ask(answerer, TaskName.MQA, MqaMode.GENERATE)
    assert (row.raw, row.chosen_idx, row.scores) == (text, chosen, ())


@pytest.mark.parametrize(("text", "classes"), [("Take cup.", (0, 0, -1)), ("juggle", None)])
def test_own_words_become_classes(answerer, monkeypatch, text, classes):
    monkeypatch.setattr(WritingAnswerer, "text", text)
    row, _ = ask(answerer, TaskName.DIRECT)
    assert (row.raw, row.predicted) == (text, classes)


def test_heads_answer_with_their_best_classes(answerer):
    row, prompt = ask(answerer, TaskName.ACTION_HEAD)
    assert row.predicted == tuple(int(scores.argmax()) for scores in answerer.classify([prompt]))


def test_a_choice_needs_options(answerer):
    plain = Sample("direct/x", View.DIRECT, "x", SAMPLE.clip, TURNS, SAMPLE.action)
    with pytest.raises(DataError, match=r"direct/x.* has no options"):
        ask(answerer, TaskName.MQA, sample=plain)


def test_a_score_needs_classes(answerer):
    unlabelled = Sample("direct/x", View.DIRECT, "x", SAMPLE.clip, TURNS)
    with pytest.raises(DataError, match="has no action label"):
        ask(answerer, TaskName.DIRECT, sample=unlabelled)


def test_letters_must_begin_the_answers(answerer):
    options = tuple(Option(option.text, option.action_id, f"It is {option.answer}") for option in OPTIONS)
    sample = dataclasses.replace(SAMPLE, options=options)
    with pytest.raises(DataError, match="does not begin with its letter"):
        ask(answerer, TaskName.MQA, MqaMode.LETTER, sample)
