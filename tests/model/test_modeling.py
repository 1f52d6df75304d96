import pytest
import torch
from safetensors.torch import load_file, save_file

from llavaction.model.build import load_model
from llavaction.model.config import ActionSupervision, NewlinePosition
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.processing.batch import pad_rows
from llavaction.testing.tiny import tiny_model
from llavaction.utils.errors import CheckpointError, ConfigError


def make_batch(model, num_frames=(2, 3), left=False):
    """Two rows with videos of different lengths."""
    layout = model.config.token_layout
    generator = torch.Generator().manual_seed(1)
    rows = []
    for number, frames in enumerate(num_frames):
        text = torch.randint(5, 200, (6 + number,), generator=generator)
        rows.append(torch.cat([text[:2], torch.tensor(layout.placeholders(frames)), text[2:]]))
    ids, mask = pad_rows(rows, 0, left=left)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "pixel_values_videos": torch.randn(sum(num_frames), 3, 12, 12, generator=generator),
        "num_frames_per_video": torch.tensor(num_frames),
    }


def last_logits(model, batch, row):
    """Logits of a row's text after its video."""
    with torch.no_grad():
        logits = model(**batch).logits[row]
    return logits[batch["attention_mask"][row].bool()]


@pytest.mark.parametrize("newline", NewlinePosition)
def test_padding_side_and_company_do_not_matter(newline):
    model = tiny_model(newline=newline)
    right, left = make_batch(model), make_batch(model, left=True)
    frames = right["pixel_values_videos"]
    for row, pixels in enumerate((frames[:2], frames[2:])):
        ids = right["input_ids"][row][right["attention_mask"][row].bool()]
        alone = {
            "input_ids": ids[None],
            "attention_mask": torch.ones_like(ids)[None],
            "pixel_values_videos": pixels,
            "num_frames_per_video": torch.tensor([len(pixels)]),
        }
        expected = last_logits(model, alone, 0)
        assert torch.allclose(last_logits(model, right, row), expected, atol=1e-5)
        assert torch.allclose(last_logits(model, left, row), expected, atol=1e-5)


def test_eager_and_sdpa_agree(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    batch = make_batch(model, left=True)
    eager = load_model(tmp_path, dtype="float32", attention="eager")
    assert eager.config._attn_implementation == "eager" and model.config._attn_implementation == "sdpa"
    assert torch.allclose(last_logits(eager, batch, 0), last_logits(model, batch, 0), atol=1e-5)


def test_the_text_sees_the_video_through_its_order():
    model = tiny_model()
    batch = make_batch(model)
    shown = last_logits(model, batch, 1)[-1]
    batch["pixel_values_videos"] = torch.cat(
        [batch["pixel_values_videos"][:2], batch["pixel_values_videos"][2:].flip(0)]
    )
    assert not torch.allclose(last_logits(model, batch, 1)[-1], shown, atol=1e-6)


def test_action_token_sees_the_video_and_not_the_question():
    model = tiny_model()
    batch = make_batch(model)
    with torch.no_grad():
        before = model(**batch).action_logits.verb
        batch["input_ids"][:, -1] = 7
        same = model(**batch).action_logits.verb
        batch["pixel_values_videos"] = batch["pixel_values_videos"] + 1
        other = model(**batch).action_logits.verb
    assert torch.allclose(before, same, atol=1e-6)
    assert not torch.allclose(before, other, atol=1e-6)


def test_loss_is_the_weighted_sum_of_its_terms():
    model = tiny_model()
    batch = make_batch(model)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    labels[:, :-3] = -100
    output = model(**batch, labels=labels, action_labels=torch.tensor([[0, 1, 2], [-1, -1, -1]]))
    expected = output.lm_loss + 0.1 * (0.5 * output.verb_loss + 0.5 * output.noun_loss + 0.1 * output.action_loss)
    assert torch.allclose(output.loss, expected)
    output.loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.action_token.verb_head.weight.grad.abs().sum() > 0


def test_model_without_action_token():
    model = tiny_model(supervision=ActionSupervision.NONE)
    assert not any("action_token" in name for name in model.state_dict())
    assert model(**make_batch(model)).action_logits is None


def test_text_without_video():
    model = tiny_model()
    output = model(torch.tensor([[5, 6, 7]]), torch.ones(1, 3, dtype=torch.long))
    assert output.logits.shape == (1, 3, model.config.text_config.vocab_size)
    assert output.action_logits.verb.shape == (0, 4)


@pytest.mark.parametrize("newline", NewlinePosition)
def test_no_frames_give_no_vectors_and_zero_gradients(newline):
    model = tiny_model(newline=newline)
    features = model.encode_videos(torch.empty(0, 3, 12, 12), torch.empty(0, dtype=torch.long))
    assert features.shape == (0, 32)
    features.sum().backward()
    parts = (model.vision, model.projector)
    weights = [model.newline, *(weight for part in parts for weight in part.parameters())]
    assert all(weight.grad is not None and not weight.grad.any() for weight in weights)


def test_no_frames_need_no_gradient():
    model = tiny_model()
    batch = {"pixel_values_videos": torch.empty(0, 3, 12, 12), "num_frames_per_video": torch.empty(0, dtype=torch.long)}
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        assert torch.equal(model(ids, **batch).logits, model(ids).logits)


def test_counts_must_agree():
    model = tiny_model()
    batch = make_batch(model)
    batch["num_frames_per_video"] = torch.tensor([2, 2])
    batch["pixel_values_videos"] = batch["pixel_values_videos"][:4]
    with pytest.raises(ValueError, match="30 visual placeholders, but there are 24 visual vectors"):
        model(**batch)


def test_generation_with_cache_equals_recomputation():
    model = tiny_model()
    batch = make_batch(model, left=True)
    arguments = {"max_new_tokens": 5, "do_sample": False, "eos_token_id": None}
    cached = model.generate(**batch, **arguments)
    recomputed = model.generate(**batch, **arguments, use_cache=False)
    assert cached.tolist() == recomputed.tolist()
    # By hand: append the best token and run everything again.
    ids, mask = batch["input_ids"], batch["attention_mask"]
    for _ in range(5):
        with torch.no_grad():
            best = model(**{**batch, "input_ids": ids, "attention_mask": mask}).logits[:, -1].argmax(-1, keepdim=True)
        ids, mask = torch.cat([ids, best], 1), torch.cat([mask, torch.ones_like(best)], 1)
    assert cached.tolist() == ids.tolist()


def test_features_can_be_used_again():
    model = tiny_model()
    batch = make_batch(model)
    with torch.no_grad():
        expected = model(**batch).logits
        features = model.encode_videos(batch.pop("pixel_values_videos"), batch.pop("num_frames_per_video"))
        assert torch.equal(model(**batch, visual_features=features).logits, expected)


def test_save_and_load(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    loaded = load_model(tmp_path, dtype="float32", attention="sdpa")
    for (name, ours), (other, theirs) in zip(model.state_dict().items(), loaded.state_dict().items(), strict=True):
        assert name == other and torch.equal(ours, theirs)
    batch = make_batch(model)
    assert torch.equal(last_logits(model, batch, 0), last_logits(loaded, batch, 0))


@pytest.mark.parametrize("change", ["missing", "unexpected", "mismatched"])
def test_loading_is_strict(tmp_path, change):
    tiny_model().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    if change == "missing":
        del weights["newline"]
    elif change == "unexpected":
        weights["stranger"] = torch.zeros(1)
    else:
        weights["newline"] = torch.zeros(3)
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"newline|stranger"):
        LlavactionForConditionalGeneration.from_pretrained(tmp_path)


def test_folder_without_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        load_model(tmp_path, dtype="float32", attention="sdpa")


def test_same_seed_same_weights():
    first, same, other = tiny_model(0), tiny_model(0), tiny_model(1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), same.parameters(), strict=True))
    assert not torch.equal(first.newline, other.newline)


def test_unknown_argument_of_a_part_is_refused():
    with pytest.raises(ConfigError, match=r"model\.vision has unknown arguments \['hiden_size'\]"):
        tiny_model(vision={"model_type": "siglip_vision_model", "hiden_size": 16})


def test_vocabulary_needs_rows_for_the_placeholders():
    decoder = {"model_type": "qwen2", "hidden_size": 32, "vocab_size": 300}
    with pytest.raises(ConfigError, match="set it to 302"):
        tiny_model(decoder=decoder)


@pytest.mark.parametrize("model_type", ["qwen3", "llama"])
def test_other_decoders(model_type):
    decoder = {
        "model_type": model_type,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 128,
    }
    model = tiny_model(decoder=decoder)
    assert model.generate(**make_batch(model, left=True), max_new_tokens=2).shape[0] == 2


@pytest.mark.parametrize("cast", ["to", "bfloat16", "half", "built", "loaded"])
def test_rotary_frequencies_are_never_rounded(cast, tmp_path):
    exact = dict(tiny_model().named_buffers())["decoder.rotary_emb.inv_freq"]
    if cast == "built":
        model = tiny_model(dtype="bfloat16")
    elif cast == "loaded":
        tiny_model().save_pretrained(tmp_path)
        model = load_model(tmp_path, dtype="bfloat16", attention="sdpa")
    else:
        model = tiny_model()
        model = model.to(torch.bfloat16) if cast == "to" else getattr(model, cast)()
    assert model.newline.dtype is not torch.float32
    assert torch.equal(model.decoder.rotary_emb.inv_freq, exact) and exact.dtype is torch.float32
