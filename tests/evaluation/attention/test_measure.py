"""What is measured, against whole attention matrices and hidden states that transformers hands out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llavaction.evaluation.attention.likeness import measure_likeness
from llavaction.evaluation.attention.measure import measure
from llavaction.evaluation.attention.places import GROUPS, Query, TokenGroup, find_places
from llavaction.model.config import ActionSupervision, NewlinePosition
from llavaction.testing.tiny import tiny_model

OPENING, QUESTION, ANSWER = [5, 6, 7], [9, 10, 11], [12, 13, 14]
MODELS = {
    "one token": {},
    "three tokens": {"supervision": ActionSupervision.THREE_TOKENS},
    "no token": {"supervision": ActionSupervision.NONE},
    "newline per frame": {"newline": NewlinePosition.FRAME},
    "one newline": {"newline": NewlinePosition.ONE_TOKEN},
}


def prompt_of(model, num_frames=2):
    """Ids, features and places of a prompt with a clip of random pixels."""
    layout = model.config.token_layout
    prompt = [*OPENING, *layout.placeholders(num_frames), *QUESTION]
    pixels = torch.rand(num_frames, 3, 12, 12, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        features = model.encode_videos(pixels, torch.tensor([num_frames]))
    return [*prompt, *ANSWER], features, find_places(prompt, ANSWER, layout, num_frames, len(OPENING))


@torch.no_grad()
def whole_run(model, ids, features):
    """Attention `[H, S, S]` of each layer, all hidden states `[S, D]`, and scores of the vocabulary `[S, V]`."""
    embeds = model.embed(torch.tensor([ids]), features)
    model.decoder.set_attn_implementation("eager")
    run = model.decoder(inputs_embeds=embeds, use_cache=False, output_attentions=True, output_hidden_states=True)
    model.decoder.set_attn_implementation("sdpa")
    states = [embeds, *run.hidden_states[1:-1], run.last_hidden_state]
    return [each[0] for each in run.attentions], [each[0] for each in states], model.lm_head(run.last_hidden_state)[0]


@pytest.mark.parametrize("name", MODELS)
def test_shares_and_maps_are_sums_over_whole_attention(name):
    model = tiny_model(**MODELS[name])
    ids, features, places = prompt_of(model)
    measured = measure(model, ids, features, places, keep_map=True)
    attentions, _, _ = whole_run(model, ids, features)
    assert set(measured.attention) == set(places.queries)
    assert (Query.ACTION_TOKEN in measured.attention) == (name != "no token")
    for query, seen in measured.attention.items():
        assert seen.shares_LHG.shape == (2, 2, len(GROUPS))
        assert seen.shares_LHG.sum(-1) == pytest.approx(1, abs=1e-5)
        assert seen.even_G == pytest.approx(places.even_shares(query))
        for layer, attention_HSS in enumerate(attentions):
            mean_HS = attention_HSS[:, list(places.queries[query])].mean(1)
            for column, group in enumerate(GROUPS):
                expected = mean_HS[:, places.of(group)].sum(-1)
                assert seen.shares_LHG[layer, :, column] == pytest.approx(expected.numpy(), abs=1e-5)
            pooled = mean_HS.mean(0)[list(places.pooled)].reshape(2, 2, 2).numpy()
            assert seen.map_LThh[layer] == pytest.approx(pooled, abs=1e-5)
            assert seen.frames_LT[layer] == pytest.approx(pooled.sum((1, 2)), abs=1e-5)
        visual = seen.shares_LHG[..., GROUPS.index(TokenGroup.VISUAL)].mean(1)
        assert seen.frames_LT.sum(1) == pytest.approx(visual, abs=1e-5)


def test_what_stands_later_gets_nothing():
    model = tiny_model()
    ids, features, places = prompt_of(model)
    seen = measure(model, ids, features, places, keep_map=False).attention[Query.ACTION_TOKEN]
    for group in (TokenGroup.QUESTION, TokenGroup.ANSWER):
        assert not seen.shares_LHG[..., GROUPS.index(group)].any()
    assert seen.map_LThh is None


def test_likeness_is_of_every_hidden_state():
    model = tiny_model()
    ids, features, places = prompt_of(model)
    measured = measure(model, ids, features, places, keep_map=False)
    _, states, _ = whole_run(model, ids, features)
    text = [*range(len(ids) - 6, len(ids))]
    expected = [measure_likeness(state, places.pooled, text).numpy() for state in states]
    assert measured.likeness == pytest.approx(np.stack(expected), abs=1e-5)
    assert len(measured.likeness) == 3


def test_the_answer_is_as_likely_as_the_model_says():
    model = tiny_model()
    ids, features, places = prompt_of(model)
    measured = measure(model, ids, features, places, keep_map=False)
    _, _, logits = whole_run(model, ids, features)
    log_probs = logits.log_softmax(-1)
    each = [float(log_probs[place, ids[place + 1]]) for place in range(len(ids) - 4, len(ids) - 1)]
    assert measured.log_likelihood == pytest.approx(np.mean(each), abs=1e-4)


def test_gradients_are_not_kept_and_the_model_is_as_before():
    model = tiny_model()
    ids, features, places = prompt_of(model)
    first = measure(model, ids, features, places, keep_map=True)
    again = measure(model, ids, features, places, keep_map=True)
    assert np.array_equal(first.likeness, again.likeness) and first.log_likelihood == again.log_likelihood
    assert model.decoder.config._attn_implementation == "sdpa"
    assert not any(layer._forward_hooks for layer in model.decoder.layers)
