import dataclasses

import pytest
import torch

from llavaction.evaluation.answering import Answerer
from llavaction.evaluation.config import ClassWords, EvaluationConfig, MqaMode, OptionOrder, TaskConfig, TaskName
from llavaction.evaluation.grading import Grader
from llavaction.evaluation.tasks import TASKS
from llavaction.evaluation.tasks.all_classes import class_tails
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.classes import ClassTable
from llavaction.sft.nearest_classes import NearestClasses
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import (
    ActionLabel,
    ClipRef,
    Option,
    PriorAction,
    Role,
    Sample,
    TimeSpan,
    Turn,
    View,
)
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.text.encoders.hashing import HashingEncoder
from llavaction.utils.errors import ConfigError, DataError

CLASSES = ClassTable(
    ("take", "put-down", "open", "wash"),
    ("cup", "plate", "bottle", "knife", "spoon"),
    # As many as the tiny model's heads know.
    ("0:0", "1:1", "2:2", "0:1", "3:3", "3:4"),
    {"take cup": "0:0", "put down plate": "1:1", "open small bottle": "2:2", "take plate": "0:1"},
)
WORDS = PromptsConfig(
    name="test",
    mqa_question="What am I doing?\n{options}",
    direct_question="What am I doing?",
    caption_question="Describe it.",
    prior_question="Before:\n{actions}\n{question}",
    prior_action="{before_s}: {text}",
)
MANIFEST = {
    **{key: {} for key in ("files", "sources", "prompts")},
    "seed": 0,
    "distractors": "random",
    "config": {"prompts": dataclasses.asdict(WORDS)},
}
OPTIONS = (Option("take cup", 0, "A. take cup"), Option("put down plate", 1, "B. put down plate"))
TURNS = (Turn(Role.USER, "What am I doing?\nA. take cup\nB. put down plate"), Turn(Role.ASSISTANT, OPTIONS[1].answer))
SAMPLE = Sample("mqa/x", View.MQA, "x", ClipRef("P01_01", 0.0, 1.0), TURNS, ActionLabel(1, 1, 1), OPTIONS, 1)
TEXTS = ("take cup", "put down plate", "open small bottle", "take plate")


def question(texts=TEXTS, answer_idx=1, actions=range(26), **changes):
    """A question with these options of these classes, in the words of the prompts."""
    options = tuple(
        Option(text, action, WORDS.answer(idx, text)) for idx, (text, action) in enumerate(zip(texts, actions))
    )
    turns = (Turn(Role.USER, WORDS.question(texts)), Turn(Role.ASSISTANT, options[answer_idx or 0].answer))
    return dataclasses.replace(SAMPLE, turns=turns, options=options, answer_idx=answer_idx, **changes)


class WritingAnswerer(Answerer):
    """Says what it is told to, and remembers what it was asked."""

    text = ""

    def generate(self, prompts, max_new_tokens):
        self.asked = [self.processor.tokenizer.decode(prompt.ids) for prompt in prompts]
        return [self.text] * len(prompts)


@pytest.fixture(scope="module")
def answerer():
    model = tiny_model()
    return WritingAnswerer(model, tiny_processor(model), CLASSES)


def make_exam(answerer, task, words=WORDS, **changes):
    grader = Grader("exam", TaskConfig(task, "x.jsonl", **changes), CLASSES)
    return Exam(grader, EvaluationConfig(), answerer, words, NearestClasses(HashingEncoder(), CLASSES))


def clip(answerer, seed=0):
    pixels = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(seed))
    return Clip(answerer.encode([pixels])[0], 2)


def ask(answerer, task, sample=SAMPLE, **changes):
    exam = make_exam(answerer, task, **changes)
    (row,) = TASKS[task](exam, [sample], [clip(answerer)])
    assert (row.task, row.kind, row.sample_id, row.truth) == ("exam", task, sample.sample_id, (1, 1, 1))
    return row


def scores_of(answerer, text, lines):
    """Likelihoods of lines after a question, each in a pass of its own."""
    exam = make_exam(answerer, TaskName.MQA)
    prompt = exam.prompt([Turn(Role.USER, text)], clip(answerer))
    return [answerer.score([prompt], [[answerer.processor.answer_ids(line)]])[0][0] for line in lines]


@pytest.mark.parametrize(
    ("mode", "lines"),
    [
        (MqaMode.OPTION, ["A. take cup", "B. put down plate"]),
        (MqaMode.LETTER, ["A", "B"]),
        (MqaMode.TEXT, ["take cup", "put down plate"]),
    ],
)
def test_the_likeliest_line_is_chosen(answerer, mode, lines):
    row = ask(answerer, TaskName.MQA, mode=mode)
    assert row.scores == pytest.approx(scores_of(answerer, SAMPLE.question, lines), abs=1e-4)
    assert row.chosen_idx == row.scores.index(max(row.scores))
    assert row.answer_idx == 1 and row.options == ("take cup", "put down plate")
    assert row.predicted == ((0, 0, 0), (1, 1, 1))[row.chosen_idx]
    assert row.trials == ()


def test_likelihoods_can_be_by_token(answerer):
    plain, by_token = (ask(answerer, TaskName.MQA, length_normalised=value) for value in (False, True))
    lengths = [len(answerer.processor.answer_ids(option.answer)) for option in OPTIONS]
    assert by_token.scores == pytest.approx([a / b for a, b in zip(plain.scores, lengths, strict=True)])


@pytest.mark.parametrize("mode", [MqaMode.OPTION, MqaMode.TEXT, MqaMode.LETTER])
def test_every_rotation_is_asked(answerer, mode):
    row = ask(answerer, TaskName.MQA, question(), order=OptionOrder.CYCLIC, mode=mode)
    assert [trial.order for trial in row.trials] == [(0, 1, 2, 3), (1, 2, 3, 0), (2, 3, 0, 1), (3, 0, 1, 2)]
    for trial in row.trials:
        texts = [TEXTS[idx] for idx in trial.order]
        lines = {MqaMode.TEXT: texts, MqaMode.LETTER: list("ABCD")}.get(
            mode, [WORDS.answer(place, text) for place, text in enumerate(texts)]
        )
        assert trial.scores == pytest.approx(scores_of(answerer, WORDS.question(texts), lines), abs=1e-4)
        assert trial.chosen_idx == trial.order[trial.scores.index(max(trial.scores))]
    means = [
        sum(trial.scores[trial.order.index(idx)] for trial in row.trials) / len(row.trials) for idx in range(len(TEXTS))
    ]
    assert row.scores == pytest.approx(means) and row.chosen_idx == means.index(max(means))


def test_a_shuffle_is_of_the_seed_and_the_sample(answerer):
    rows = [ask(answerer, TaskName.MQA, question(sample_id=f"mqa/{i}"), order=OptionOrder.SHUFFLED) for i in range(12)]
    orders = {row.trials[0].order if row.trials else (0, 1, 2, 3) for row in rows}
    assert len(orders) > 4
    again = ask(answerer, TaskName.MQA, question(sample_id="mqa/3"), order=OptionOrder.SHUFFLED)
    assert again == rows[3]


@pytest.mark.parametrize(("text", "chosen"), [("B. put down plate", 1), ("take cup", 0), ("no idea", None)])
def test_a_written_choice_is_parsed(answerer, monkeypatch, text, chosen):
    monkeypatch.setattr(WritingAnswerer, "text", text)
    row = ask(answerer, TaskName.MQA, mode=MqaMode.GENERATE)
    assert (row.raw, row.chosen_idx, row.scores) == (text, chosen, ())


def test_written_letters_mean_what_stood_there(answerer, monkeypatch):
    monkeypatch.setattr(WritingAnswerer, "text", "B")
    row = ask(answerer, TaskName.MQA, question(), mode=MqaMode.GENERATE, order=OptionOrder.CYCLIC)
    assert [trial.chosen_idx for trial in row.trials] == [1, 2, 3, 0]
    # All are named once; of equally many the first.
    assert row.chosen_idx == 0 and row.raw is None


def test_a_second_stage_maps_its_choice_to_classes_for_every_k(answerer):
    actions = (0, 2, 3, 4)
    sample = question(TEXTS[:1] + TEXTS[2:] + ("wash knife",), None, actions, view=View.CANDIDATES)
    row = ask(answerer, TaskName.TWO_STAGE, sample, num_candidates=[2, 4], order=OptionOrder.SHUFFLED)
    assert [sorted(trial.order) for trial in row.trials] == [[0, 1], [0, 1, 2, 3]]
    last = row.trials[1]
    assert row.chosen_idx == last.chosen_idx and row.answer_idx is None
    assert row.predicted == ((0, 0, 0), (2, 2, 2), (0, 1, 3), (3, 3, 4))[row.chosen_idx]
    assert row.top_actions[0] == actions[row.chosen_idx] and set(row.top_actions) == set(actions)
    by_option = dict(zip(last.order, last.scores, strict=True))
    assert row.scores == pytest.approx([by_option[idx] for idx in range(4)])


def test_fewer_candidates_than_there_are_are_ranked_by_the_model(answerer):
    sample = question(TEXTS, 1, view=View.CANDIDATES)
    row = ask(answerer, TaskName.TWO_STAGE, sample, num_candidates=[3], order=OptionOrder.SHUFFLED)
    (trial,) = row.trials
    by_option = dict(zip(trial.order, trial.scores, strict=True))
    assert row.top_actions == tuple(sorted(by_option, key=lambda idx: -by_option[idx]))
    assert row.chosen_idx == row.top_actions[0] and row.scores == ()


def test_more_candidates_than_there_are_is_an_error(answerer):
    with pytest.raises(DataError, match=r"has 4 candidates, 5 are to be shown; build .*num_candidates=5"):
        ask(answerer, TaskName.TWO_STAGE, question(), num_candidates=[5])


def test_questions_in_other_words_cannot_be_reordered(answerer):
    with pytest.raises(DataError, match="not in the words of prompts 'test' version 1"):
        other = dataclasses.replace(WORDS, mqa_option="({letter}) {text}")
        ask(answerer, TaskName.MQA, question(), order=OptionOrder.CYCLIC, words=other)
    with pytest.raises(DataError, match=r"no manifest\.json beside it"):
        ask(answerer, TaskName.MQA, question(), order=OptionOrder.CYCLIC, words=None)


def test_a_description_is_in_sight_of_the_choice(answerer, monkeypatch):
    monkeypatch.setattr(WritingAnswerer, "text", "B. put down plate")
    row = ask(answerer, TaskName.CAPTION_THEN_ANSWER, mode=MqaMode.GENERATE)
    assert row.caption == "B. put down plate" and row.chosen_idx == 1
    (asked,) = answerer.asked
    assert asked.index("Describe it.") < asked.index("B. put down plate") < asked.index("What am I doing?")
    scored = ask(answerer, TaskName.CAPTION_THEN_ANSWER)
    assert scored.scores != pytest.approx(ask(answerer, TaskName.MQA).scores, abs=1e-3)


def prior_sample(number, *before):
    prior = tuple(PriorAction(segment, f"narration of {segment}", 1.5) for segment in before)
    asked = WORDS.question([option.text for option in OPTIONS])
    turns = (Turn(Role.USER, WORDS.after(asked, prior) if prior else asked), TURNS[1])
    return dataclasses.replace(
        SAMPLE, sample_id=f"t/{number}", segment_id=str(number), view=View.TEMPORAL_ORDER, turns=turns, prior=prior
    )


def test_own_answers_are_told_in_order(answerer, monkeypatch):
    exam = make_exam(answerer, TaskName.SEQUENTIAL, mode=MqaMode.GENERATE)
    for number, (text, before, told) in enumerate(
        [
            ("A", (), ()),
            ("B", ("0",), ("take cup",)),
            ("hm", ("0", "1"), ("take cup", "put down plate")),
            # What could not be read is not told, nor is half of what was done.
            ("A", ("1", "2"), ()),
        ]
    ):
        monkeypatch.setattr(WritingAnswerer, "text", text)
        (row,) = TASKS[TaskName.SEQUENTIAL](exam, [prior_sample(number, *before)], [clip(answerer)])
        assert row.told == told
        assert ("Before:" in answerer.asked[0]) == bool(told)
        assert all(f"1.50: {words}" in answerer.asked[0] for words in told)
        assert "narration of" not in answerer.asked[0]


def test_what_comes_before_must_have_been_asked(answerer):
    with pytest.raises(DataError, match=r"segment 'z', which is not among the questions .* ask whole videos"):
        ask(answerer, TaskName.SEQUENTIAL, prior_sample(1, "z"))


@pytest.mark.parametrize(
    ("text", "predicted", "best"),
    [("Take cup.", (0, 0, 0), 1.0), ("put the plate down", (1, 1, 1), None), ("...", None, None)],
)
def test_own_words_become_classes(answerer, monkeypatch, text, predicted, best):
    monkeypatch.setattr(WritingAnswerer, "text", text)
    row = ask(answerer, TaskName.DIRECT)
    assert (row.raw, row.predicted) == (text, predicted)
    assert (row.top_actions[:1] == predicted[2:]) if predicted else row.top_actions == row.scores == ()
    assert best is None or row.scores[0] == best


def test_heads_answer_with_their_best_classes(answerer):
    row = ask(answerer, TaskName.ACTION_HEAD)
    exam = make_exam(answerer, TaskName.ACTION_HEAD)
    expected = answerer.classify(exam.questions([SAMPLE], [clip(answerer)]))
    assert row.predicted == tuple(int(scores.argmax()) for scores in expected)


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_every_class_is_scored(answerer, weight):
    row = ask(answerer, TaskName.ALL_CLASSES, text_prior=weight)
    exam = make_exam(answerer, TaskName.ALL_CLASSES)
    texts = ("take cup", "put down plate", "open bottle", "take plate", "wash knife", "wash spoon")
    tails = [answerer.processor.answer_ids(text) for text in texts]
    (prompt,) = exam.questions([SAMPLE], [clip(answerer)])
    blind = dataclasses.replace(prompt, ids=answerer.processor.prompt_ids(SAMPLE.turns[:-1], None), features=None)
    seen, unseen = ([answerer.score([one], [[tail]])[0][0] for tail in tails] for one in (prompt, blind))
    expected = [a - weight * b for a, b in zip(seen, unseen, strict=True)]
    assert dict(zip(row.top_actions, row.scores, strict=True)) == pytest.approx(dict(enumerate(expected)), abs=1e-4)
    assert row.predicted[2] == row.top_actions[0] == expected.index(max(expected))


def test_no_answer_is_of_two_classes(answerer):
    classes = ClassTable(("cut",), ("onion", "ring:onion:red", "onion ring"), ("0:0", "0:1", "0:2"), {})
    exam = make_exam(answerer, TaskName.ALL_CLASSES)
    exam = dataclasses.replace(exam, grader=dataclasses.replace(exam.grader, classes=classes))
    ids, end = answerer.processor.answer_ids, answerer.processor.end_id
    tails = class_tails(exam).tails
    assert list(tails) == [[*ids("cut onion"), end], ids("cut onion red ring"), ids("cut onion ring")]
    for tail in tails:
        assert not any(other[: len(tail)] == tail for other in tails if other is not tail)


def test_all_words_for_a_class_count_together(answerer):
    classes = dataclasses.replace(
        CLASSES, narrations={"take cup": "1:1", "grab cup": "0:0", "put plate": "1:1", "lay plate down": "1:1"}
    )
    exam = make_exam(answerer, TaskName.ALL_CLASSES, class_words=ClassWords.NARRATIONS)
    exam = dataclasses.replace(exam, grader=dataclasses.replace(exam.grader, classes=classes))
    (row,) = TASKS[TaskName.ALL_CLASSES](exam, [SAMPLE], [clip(answerer)])
    (prompt,) = exam.questions([SAMPLE], [clip(answerer)])

    def total(*texts):
        return torch.tensor([answerer.score([prompt], [[answerer.processor.answer_ids(text)]])[0][0] for text in texts])

    found = dict(zip(row.top_actions, row.scores, strict=True))
    assert found[0] == pytest.approx(float(total("take cup", "grab cup").logsumexp(0)), abs=1e-4)
    assert found[1] == pytest.approx(
        float(total("put down plate", "put plate", "lay plate down").logsumexp(0)), abs=1e-4
    )
    assert found[4] == pytest.approx(float(total("wash knife")), abs=1e-4)


def test_a_stretch_of_time_is_read(answerer, monkeypatch):
    monkeypatch.setattr(WritingAnswerer, "text", "0.20 to 0.80")
    sample = dataclasses.replace(SAMPLE, target=TimeSpan(0.1, 0.8), view=View.TEMPORAL_DETECTION)
    row = ask(answerer, TaskName.TEMPORAL_DETECTION, sample)
    assert (row.target, row.span, row.raw) == ((0.1, 0.8), (0.2, 0.8), "0.20 to 0.80")
    with pytest.raises(DataError, match="does not ask for a start and a stop"):
        ask(answerer, TaskName.TEMPORAL_DETECTION)


def test_descriptions_are_kept(answerer, monkeypatch):
    monkeypatch.setattr(WritingAnswerer, "text", "I put it down.")
    row = ask(answerer, TaskName.CAPTION)
    assert (row.raw, row.answer) == ("I put it down.", SAMPLE.answer)


@pytest.mark.parametrize("task", [TaskName.MQA, TaskName.TWO_STAGE, TaskName.SEQUENTIAL])
def test_a_choice_needs_options(answerer, task):
    plain = Sample("direct/x", View.DIRECT, "x", SAMPLE.clip, TURNS, SAMPLE.action)
    with pytest.raises(DataError, match=r"direct/x.* has no options"):
        ask(answerer, task, plain)


def test_a_description_needs_its_question(answerer):
    with pytest.raises(ConfigError, match="have no caption_question"):
        ask(answerer, TaskName.CAPTION_THEN_ANSWER, words=dataclasses.replace(WORDS, caption_question=None))


def test_a_score_needs_classes(answerer):
    unlabelled = Sample("direct/x", View.DIRECT, "x", SAMPLE.clip, TURNS)
    with pytest.raises(DataError, match="has no action label"):
        ask(answerer, TaskName.DIRECT, unlabelled)


def test_letters_must_begin_the_answers(answerer):
    options = tuple(Option(option.text, option.action_id, f"It is {option.answer}") for option in OPTIONS)
    sample = dataclasses.replace(SAMPLE, options=options)
    with pytest.raises(DataError, match="does not begin with its letter"):
        ask(answerer, TaskName.MQA, sample, mode=MqaMode.LETTER)
