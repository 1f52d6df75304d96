import pytest
import torch

from llavaction.evaluation.answering import Answerer, Prompt, _Pieces
from llavaction.model.config import ActionSupervision
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Role, Turn
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import ConfigError

CLASSES = ClassTable(("take", "put"), ("cup",), ("0:0", "1:0"), {"take cup": "0:0"})
QUESTIONS = ("What am I doing?", "And what is this? Is it a longer question?")


def make_answerer(**changes):
    model = tiny_model(**changes)
    return Answerer(model, tiny_processor(model), CLASSES)


@pytest.fixture(scope="module")
def answerer():
    return make_answerer()


def make_prompts(answerer, number=2):
    clips = [torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(i)) for i in range(number)]
    turns = [Turn(Role.USER, QUESTIONS[i % 2]) for i in range(number)]
    return [
        Prompt(answerer.processor.prompt_ids([turn], 2), features)
        for turn, features in zip(turns, answerer.encode(clips), strict=True)
    ]


def test_likelihood_is_that_of_the_whole_sequence(answerer):
    prompts = make_prompts(answerer)
    tails = [[answerer.processor.answer_ids(text) for text in ("take cup", "put down the plate", "A")] for _ in prompts]
    scores = answerer.score(prompts, tails)
    for prompt, options, values in zip(prompts, tails, scores, strict=True):
        for tail, value in zip(options, values, strict=True):
            ids = torch.tensor([prompt.ids + tail])
            with torch.no_grad():
                logits = answerer.model(ids, visual_features=prompt.features).logits[0].log_softmax(-1)
            expected = sum(logits[len(prompt.ids) + i - 1, token] for i, token in enumerate(tail))
            assert value == pytest.approx(float(expected), abs=1e-4)


def test_features_are_those_of_the_videos_and_can_be_trained_on_afterwards(answerer):
    clips = [torch.rand(2, 3, 12, 12), torch.rand(2, 3, 12, 12)]
    features = answerer.encode(clips)
    assert torch.equal(torch.cat(features), answerer.model.encode_videos(torch.cat(clips), torch.tensor([2, 2])))
    assert not any(tensor.is_inference() or tensor.requires_grad for tensor in features)


def test_company_does_not_matter(answerer):
    prompts = make_prompts(answerer)
    tails = [[answerer.processor.answer_ids("take cup")], [answerer.processor.answer_ids("put down plate")]]
    together = answerer.score(prompts, tails)
    alone = [answerer.score([prompt], [tail])[0] for prompt, tail in zip(prompts, tails, strict=True)]
    assert together[0] == pytest.approx(alone[0], abs=1e-4) and together[1] == pytest.approx(alone[1], abs=1e-4)
    assert answerer.generate(prompts, 4) == [answerer.generate([prompt], 4)[0] for prompt in prompts]
    for both, first in zip(answerer.classify(prompts), answerer.classify(prompts[:1]), strict=True):
        assert torch.allclose(both[:1], first, atol=1e-5)


def test_classify_needs_an_action_token():
    answerer = make_answerer(supervision=ActionSupervision.NONE)
    with pytest.raises(ConfigError, match="no action token"):
        answerer.classify(make_prompts(answerer))


def test_an_answer_can_be_read_while_it_is_written(answerer):
    pieces = []
    whole = answerer.generate(make_prompts(answerer, 1), 16, on_text=pieces.append)
    assert "".join(pieces).strip() == whole[0] != ""


def test_it_comes_in_words(answerer):
    pieces = []
    stream = _Pieces(answerer.processor.tokenizer, pieces.append)
    for ids in ([5, 6, 7], *([token] for token in answerer.processor.answer_ids("take cup and open small bottle"))):
        stream.put(torch.tensor(ids))
    stream.end()
    assert "".join(pieces).split() == ["take", "cup", "and", "open", "small", "bottle"]
    assert len(pieces) > 3
