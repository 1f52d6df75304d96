"""Runs of one question: the same clip and answer, with the action tokens and without."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llavaction.evaluation.answering import Answerer
from llavaction.evaluation.attention.places import Query
from llavaction.evaluation.attention.probe import Probe, opening_length
from llavaction.evaluation.attention.questions import Question
from llavaction.evaluation.attention.records import Run
from llavaction.model.config import ActionSupervision, PoolMode
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import MEDIA_MARK, Role, Turn
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import DataError

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3), np.uint8)
TURNS = (Turn(Role.USER, "What am I doing?"),)


def answerer_of(**changes):
    model = tiny_model(**changes)
    return Answerer(model, tiny_processor(model), ClassTable((), (), (), {}))


def question_of(turns=TURNS):
    return Question("q/0", "P01_01", turns, lambda num_frames: FRAMES[:num_frames], None)


def look(probe, answer="take cup", turns=TURNS, max_new_tokens=5):
    question = question_of(turns)
    return probe.look(question, probe.pixels(question), answer, max_new_tokens, keep_maps=True)


def test_with_an_action_token_there_are_two_runs():
    probe = Probe(answerer_of(), "folder")
    answer, measured = look(probe)
    assert answer == "take cup"
    assert list(measured) == [Run.AS_TRAINED, Run.LEFT_OUT]
    assert list(measured[Run.AS_TRAINED].attention) == [Query.ANSWER, Query.ACTION_TOKEN]
    assert list(measured[Run.LEFT_OUT].attention) == [Query.ANSWER]
    infos = probe.infos()
    assert [info.run for info in infos] == list(measured)
    assert [info.label for info in infos] == ["with action token", "action token left out"]
    assert {(info.checkpoint, info.num_layers, info.num_heads, info.cover) for info in infos} == {("folder", 2, 2, 1)}


def test_what_stands_before_the_action_token_is_not_changed_by_it():
    _, measured = look(Probe(answerer_of(), "folder"))
    with_token, left_out = (measured[run].likeness for run in (Run.AS_TRAINED, Run.LEFT_OUT))
    assert with_token[:, 1] == pytest.approx(left_out[:, 1], abs=1e-6)
    assert np.abs(with_token[1:, 0] - left_out[1:, 0]).min() > 1e-6


@pytest.mark.parametrize("supervision", [ActionSupervision.NONE, ActionSupervision.NEWLINE])
def test_without_one_there_is_one_run(supervision):
    probe = Probe(answerer_of(supervision=supervision), "folder")
    assert list(look(probe)[1]) == [Run.AS_TRAINED]
    assert [info.label for info in probe.infos()] == ["no action token"]


def test_the_other_checkpoint_is_seen_as_it_is():
    probe = Probe(answerer_of(supervision=ActionSupervision.THREE_TOKENS), "elsewhere", is_other=True)
    _, measured = look(probe)
    assert list(measured) == [Run.OTHER]
    assert Query.ACTION_TOKEN in measured[Run.OTHER].attention
    assert [info.label for info in probe.infos()] == ["other checkpoint (with action token)"]


def test_left_out_is_what_a_prompt_without_the_token_gives():
    """The same weights in a model that knows of no action token."""
    with_token = answerer_of()
    weights = {name: weight for name, weight in with_token.model.state_dict().items() if "action_token" not in name}
    without = answerer_of(supervision=ActionSupervision.NONE)
    without.model.load_state_dict(weights)
    _, left_out = look(Probe(with_token, "folder"))
    _, never = look(Probe(without, "folder"))
    mine, other = left_out[Run.LEFT_OUT], never[Run.AS_TRAINED]
    assert mine.attention[Query.ANSWER].shares_LHG == pytest.approx(other.attention[Query.ANSWER].shares_LHG, abs=1e-6)
    assert mine.likeness == pytest.approx(other.likeness, abs=1e-6)
    assert mine.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-5)


def test_without_an_answer_the_model_writes_one():
    answerer = answerer_of()
    probe = Probe(answerer, "folder")
    answer, measured = look(probe, answer=None)
    assert answer
    again, same = look(probe, answer=answer)
    assert again == answer
    assert same[Run.AS_TRAINED].log_likelihood == measured[Run.AS_TRAINED].log_likelihood


def test_an_empty_answer_names_the_question(monkeypatch):
    answerer = answerer_of()
    monkeypatch.setattr(answerer, "generate", lambda prompts, max_new_tokens: [""])
    with pytest.raises(DataError, match=r"question 'q/0': folder answers nothing.*answer=TEXT.*true_answers=true"):
        look(Probe(answerer, "folder"), answer=None)
    with pytest.raises(DataError, match=r"question 'q/0': the answer has no tokens"):
        look(Probe(answerer, "folder"), answer="")


@pytest.mark.parametrize("text", ["What am I doing?", f"Before {MEDIA_MARK} behind"])
def test_the_opening_ends_where_the_users_words_begin(text):
    answerer = answerer_of()
    ids = answerer.processor.prompt_ids([Turn(Role.USER, text)], 2)
    length = opening_length(answerer.processor, ids)
    shown = answerer.processor.tokenizer.decode(ids[:length])
    assert shown == "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"


def test_pooling_of_whole_cells_leaves_a_border_out():
    # 3 patches per side, of which cells of 2 take 2.
    probe = Probe(answerer_of(pool_mode=PoolMode.AVERAGE), "folder")
    assert [info.cover for info in probe.infos()] == [pytest.approx(2 / 3)] * 2


def test_the_clip_is_encoded_once(monkeypatch):
    answerer = answerer_of()
    calls = []
    encode = answerer.encode
    monkeypatch.setattr(answerer, "encode", lambda clips: calls.append(len(clips)) or encode(clips))
    look(Probe(answerer, "folder"), answer=None)
    assert calls == [1]


def test_half_precision_gives_whole_shares():
    answerer = answerer_of(dtype="bfloat16")
    _, measured = look(Probe(answerer, "folder"))
    shares = measured[Run.AS_TRAINED].attention[Query.ANSWER].shares_LHG
    assert answerer.model.dtype == torch.bfloat16 and shares.dtype == np.float32
    assert shares.sum(-1) == pytest.approx(1, abs=1e-5)
