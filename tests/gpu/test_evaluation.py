"""Scores behind shared beginnings on a GPU: equal to those of whole sequences."""

from __future__ import annotations

import pytest
import torch

from llavaction.evaluation.answering import Answerer
from tests.evaluation.test_behind_prefixes import TEXTS, assert_equal_to_one_by_one, make_answerer, make_prompts

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")


@pytest.fixture
def whole_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def on_gpu(decoder: str, tree_size: int | None) -> Answerer:
    answerer = make_answerer(decoder, tree_size=tree_size)
    answerer.model.cuda()
    return answerer


@pytest.mark.usefixtures("whole_precision")
@pytest.mark.parametrize("tree_size", [None, 7])
@pytest.mark.parametrize("decoder", ["qwen2", "llama", "gemma3_text", "mistral windows"])
def test_scores_are_those_of_whole_sequences(decoder: str, tree_size: int | None) -> None:
    answerer = on_gpu(decoder, tree_size)
    prompts = make_prompts(answerer)
    tails = [[answerer.processor.answer_ids(text) for text in TEXTS] for _ in prompts]
    assert_equal_to_one_by_one(answerer, prompts, tails)


@pytest.mark.usefixtures("whole_precision")
def test_texts_are_those_of_single_prompts() -> None:
    answerer = on_gpu("qwen2", None)
    prompts = make_prompts(answerer)
    assert answerer.generate(prompts, 8) == [answerer.generate([prompt], 8)[0] for prompt in prompts]
