"""Recorded rows are the attention weights that the decoder itself would hand out."""

from __future__ import annotations

import pytest
import torch

from llavaction.model.attention_record import attention_rows, recorded_rows
from llavaction.utils.errors import ConfigError
from tests.model.test_backbones import batch_of, make_model, rows

POSITIONS = [0, 3, 13, 14, 17]

HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}
MANY = {"num_attention_heads": 4, "num_key_value_heads": 4}
ONE = {"num_attention_heads": 4, "num_key_value_heads": 1}
DECODERS = {
    "qwen2": ("qwen2", HEADS),
    "qwen2, no shared keys": ("qwen2", MANY),
    "qwen2, one key for all": ("qwen2", ONE),
    "qwen2, window in the second layer": (
        "qwen2",
        {**HEADS, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    ),
    "qwen3": ("qwen3", HEADS),
    "llama": ("llama", HEADS),
    "mistral, window everywhere": ("mistral", {**HEADS, "sliding_window": 4}),
    "gemma3, window in the first layer": (
        "gemma3_text",
        {**HEADS, "sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"]},
    ),
    "gemma3, another scale": ("gemma3_text", {**HEADS, "query_pre_attn_scalar": 5}),
}


def sequence(model):
    """A text with a video of two frames, as the decoder gets it: `[1, S, D]`."""
    texts, videos = rows(model)
    batch = batch_of(texts[:1], videos[:1])
    with torch.no_grad():
        features = model.encode_videos(batch["pixel_values_videos"], batch["num_frames_per_video"])
        return model.embed(batch["input_ids"], features)


def record(model, embeds, positions=POSITIONS, take=lambda taken: taken):
    with torch.no_grad(), recorded_rows(model.decoder, positions, take) as taken:
        hidden = model.decoder(inputs_embeds=embeds, use_cache=False).last_hidden_state
    return taken, hidden


@pytest.mark.parametrize("name", DECODERS)
@torch.no_grad()
def test_rows_are_those_of_eager_attention(name):
    model_type, changes = DECODERS[name]
    model = make_model(model_type, **changes)
    embeds = sequence(model)
    taken, hidden = record(model, embeds)
    model.decoder.set_attn_implementation("eager")
    whole = model.decoder(inputs_embeds=embeds, use_cache=False, output_attentions=True)
    assert len(taken) == len(whole.attentions) == 2
    for rows_HQS, expected in zip(taken, whole.attentions, strict=True):
        assert rows_HQS.shape == (4, len(POSITIONS), embeds.shape[1])
        assert torch.allclose(rows_HQS, expected[0][:, POSITIONS], atol=1e-5)
        assert torch.allclose(rows_HQS.sum(-1), torch.ones(4, len(POSITIONS)), atol=1e-6)
    assert torch.allclose(hidden, whole.last_hidden_state, atol=1e-5)
    has_window = "window" in name
    assert any(bool((rows_HQS[:, -1] == 0).any()) for rows_HQS in taken) == has_window


@torch.no_grad()
def test_the_run_itself_is_not_changed():
    model = make_model()
    embeds = sequence(model)
    expected = model.decoder(inputs_embeds=embeds, use_cache=False).last_hidden_state
    assert torch.equal(record(model, embeds)[1], expected)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_kernel_is_the_old_one_afterwards(attention):
    model = make_model(attention=attention)
    record(model, sequence(model))
    assert model.decoder.config._attn_implementation == attention

    class StopError(Exception):
        pass

    def stop(taken):
        raise StopError

    with pytest.raises(StopError):
        record(model, sequence(model), take=stop)
    assert model.decoder.config._attn_implementation == attention
    assert len(record(model, sequence(model))[0]) == 2


def test_only_what_is_taken_is_kept():
    model = make_model()
    taken, _ = record(model, sequence(model), take=lambda rows_HQS: tuple(rows_HQS.shape))
    assert taken == [(2, 5, 18)] * 2


def test_half_precision_is_recorded_in_full():
    model = make_model().bfloat16()
    taken, _ = record(model, sequence(model))
    assert all(rows_HQS.dtype == torch.float32 for rows_HQS in taken)
    assert torch.allclose(taken[1].sum(-1), torch.ones(2, 5), atol=1e-6)


def test_decoders_with_capped_scores_are_refused():
    model = make_model("gemma2", attention="eager", final_logit_softcapping=None)
    with pytest.raises(ConfigError, match=r"Gemma2.*not recorded; choose a checkpoint with another decoder"):
        record(model, sequence(model))


def test_scores_that_something_else_changes_are_refused():
    model = make_model()
    with (
        pytest.raises(ConfigError, match=r"Qwen2Attention: its attention scores are changed by \['softcap'\]"),
        recorded_rows(model.decoder, POSITIONS, list),
    ):
        model.decoder(inputs_embeds=sequence(model), use_cache=False, softcap=30.0)


def test_layers_without_attention_are_not_passed_over():
    model = make_model()
    with (
        pytest.raises(ConfigError, match=r"Qwen2Model: 0 of its 2 layers"),
        recorded_rows(model.decoder, POSITIONS, list),
    ):
        pass


def test_batches_are_refused():
    model = make_model()
    with pytest.raises(ValueError, match="one whole sequence"):
        record(model, sequence(model).repeat(2, 1, 1))


def test_a_row_by_hand():
    """Two heads that share one key: scores 0 and log 3 for the first, log 3 and 0 for the second."""
    query_HSE = torch.tensor([[[9.0], [1.0]], [[9.0], [-1.0]]])
    key_GSE = torch.tensor([[[0.0], [2.0 * torch.log(torch.tensor(3.0))]]])
    seen = torch.tensor([[True, True]])
    rows_HQS = attention_rows(query_HSE, key_GSE, [1], 0.5, seen)
    assert torch.allclose(rows_HQS, torch.tensor([[[0.25, 0.75]], [[0.75, 0.25]]]))
    assert attention_rows(query_HSE, key_GSE, [1], 0.5, torch.tensor([[True, False]])).tolist() == [[[1, 0]], [[1, 0]]]
