"""Scores and texts behind shared beginnings: equal to those of whole sequences, one by one."""

from __future__ import annotations

import pytest
import torch

from llavaction.evaluation.answering import Answerer, Prompt
from llavaction.evaluation.prefix_tree import Tails
from llavaction.model.config import ActionSupervision
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import Role, Turn
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import ConfigError

CLASSES = ClassTable(("take", "put"), ("cup",), ("0:0", "1:0"), {"take cup": "0:0"})
QUESTIONS = ("What am I doing?", "What am I doing? Is it a longer question?", "And what is this?")
TEXTS = ("take cup", "take plate", "put down the plate", "A", "A. take cup", "open small bottle")
DECODERS = {
    "qwen2": {},
    "qwen3": {"head_dim": 16},
    "llama": {},
    "mistral": {"head_dim": 16},
    "mistral windows": {"head_dim": 16, "sliding_window": 9},
    "gemma3_text": {"head_dim": 16, "sliding_window": 9, "layer_types": ["sliding_attention", "full_attention"]},
    "qwen2 windows": {
        "use_sliding_window": True,
        "sliding_window": 9,
        "layer_types": ["sliding_attention", "full_attention"],
    },
}


def make_answerer(decoder="qwen2", attention="sdpa", tree_size=None, **changes):
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = {"model_type": decoder.split()[0], "num_key_value_heads": 1, "max_position_embeddings": 512}
    model = tiny_model(decoder={**config, **sizes, **DECODERS[decoder]}, attention=attention, **changes)
    return Answerer(model, tiny_processor(model), CLASSES, tree_size)


def make_prompts(answerer, per_clip=(2, 1, 3)):
    """Several questions about each clip, of different lengths."""
    clips = [torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(i)) for i in range(len(per_clip))]
    prompts = []
    for number, features in zip(per_clip, answerer.encode(clips), strict=True):
        for question in QUESTIONS[-number:]:
            ids = answerer.processor.prompt_ids([Turn(Role.USER, question)], 2)
            prompts.append(Prompt(ids, features))
    return prompts


@torch.no_grad()
def one_by_one(answerer, prompt, tail):
    ids = torch.tensor([prompt.ids + tail], device=answerer.model.device)
    log_probs = answerer.model(ids, visual_features=prompt.features).logits[0].double().log_softmax(-1)
    return sum(float(log_probs[len(prompt.ids) + place - 1, token]) for place, token in enumerate(tail))


def assert_equal_to_one_by_one(answerer, prompts, tails):
    scores = answerer.score(prompts, tails)
    for prompt, of_prompt, values in zip(prompts, tails, scores, strict=True):
        expected = [one_by_one(answerer, prompt, tail) for tail in of_prompt]
        assert values == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("decoder", DECODERS)
def test_scores_are_those_of_whole_sequences(decoder):
    answerer = make_answerer(decoder)
    prompts = make_prompts(answerer)
    tails = [[answerer.processor.answer_ids(text) for text in TEXTS[: 2 + i % 4]] for i in range(len(prompts))]
    assert_equal_to_one_by_one(answerer, prompts, tails)


@pytest.mark.parametrize("tree_size", [1, 7, 40])
def test_however_many_trees_it_takes(tree_size):
    answerer = make_answerer(tree_size=tree_size)
    prompts = make_prompts(answerer)
    tails = [[answerer.processor.answer_ids(text) for text in TEXTS] for _ in prompts]
    assert_equal_to_one_by_one(answerer, prompts, tails)


@pytest.mark.parametrize("changes", [{"attention": "eager"}, {"supervision": ActionSupervision.NONE}])
def test_with_other_kernels_and_without_an_action_token(changes):
    answerer = make_answerer(**changes)
    prompts = make_prompts(answerer)
    assert_equal_to_one_by_one(answerer, prompts, [[[5, 6, 7], [5, 8]]] * len(prompts))


def test_shared_tails_score_as_others_do():
    answerer = make_answerer(tree_size=9)
    prompts = make_prompts(answerer, (1, 1))
    tails = Tails([answerer.processor.answer_ids(text) for text in TEXTS])
    shared = answerer.score(prompts, [tails, tails])
    assert shared == answerer.score(prompts, [list(tails), list(tails)])
    assert_equal_to_one_by_one(answerer, prompts, [tails, tails])


def test_nothing_has_to_be_shown():
    answerer = make_answerer()
    ids = answerer.processor.prompt_ids([Turn(Role.USER, QUESTIONS[0])], None)
    assert_equal_to_one_by_one(answerer, [Prompt(ids, None)], [[[5, 6], [5, 7]]])


@pytest.mark.parametrize("decoder", ["qwen2", "gemma3_text", "mistral windows"])
def test_texts_are_those_of_single_prompts(decoder):
    answerer = make_answerer(decoder)
    prompts = make_prompts(answerer)
    together = answerer.generate(prompts, 8)
    alone = [answerer.generate([prompt], 8)[0] for prompt in prompts]
    assert together == alone
    assert all(together)


def test_a_kernel_that_cannot_mask_is_refused():
    answerer = make_answerer()
    answerer.model.decoder.config._attn_implementation_internal = "flash_attention_2"
    prompts = make_prompts(make_answerer(), (1,))
    with pytest.raises(ConfigError, match="flash_attention_2 cannot score several texts"):
        answerer.score(prompts, [[[5], [6]]])
