"""Every decoder with every vision model: the same promises as for Qwen2 on SigLIP."""

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from llavaction.config.compose import compose_config
from llavaction.model.build import ClassCounts, load_model, new_model
from llavaction.model.towers import KINDS
from llavaction.processing.batch import pad_rows
from llavaction.testing.tiny import tiny_model
from llavaction.utils.errors import ConfigError

pytestmark = pytest.mark.thorough

VISION = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 12,
    "patch_size": 4,
}
DECODER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 256,
    "tie_word_embeddings": False,
}
WITH_HEAD_DIM = {"qwen3", "llama", "mistral", "gemma3_text"}

TOWERS = ["siglip_vision_model", "clip_vision_model"]
PAIRS = [
    *((decoder, tower) for decoder in ("qwen2", "qwen3", "llama") for tower in TOWERS),
    ("mistral", "siglip_vision_model"),
    ("gemma3_text", "clip_vision_model"),
    ("qwen3", "siglip2_vision_model"),
]


def decoder_config(model_type):
    head_dim = {"head_dim": 16} if model_type in WITH_HEAD_DIM else {}
    return {"model_type": model_type, **DECODER, **head_dim}


def make_model(decoder="qwen2", tower="siglip_vision_model", attention="sdpa", **changes):
    vision = {"model_type": tower, **VISION}
    return tiny_model(vision=vision, decoder={**decoder_config(decoder), **changes}, attention=attention)


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def model(request):
    return make_model(*request.param)


def rows(model):
    """Two texts with videos of two and one frames."""
    layout = model.config.token_layout
    texts = [[5, 6, *layout.placeholders(2), 9, 10, 11], [7, *layout.placeholders(1), 12]]
    pixels = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return [torch.tensor(text) for text in texts], [pixels[:2], pixels[2:]]


def batch_of(texts, videos, *, left=False):
    ids, mask = pad_rows(texts, 0, left=left)
    counts = torch.tensor([len(video) for video in videos])
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "pixel_values_videos": torch.cat(videos),
        "num_frames_per_video": counts,
    }


@torch.no_grad()
def logits_of_rows(model, batch):
    logits = model(**batch).logits
    return [row[mask.bool()] for row, mask in zip(logits, batch["attention_mask"], strict=True)]


@torch.no_grad()
def test_padding_and_company_do_not_matter(model):
    texts, videos = rows(model)
    alone = [logits_of_rows(model, batch_of([text], [video]))[0] for text, video in zip(texts, videos, strict=True)]
    for left in (False, True):
        together = logits_of_rows(model, batch_of(texts, videos, left=left))
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(together, alone, strict=True))


def test_gradients_reach_every_weight(model):
    batch = batch_of(*rows(model))
    labels = batch["input_ids"].where((batch["input_ids"] > 0) & (batch["input_ids"] < 20), -100)
    model.zero_grad(set_to_none=True)
    output = model(**batch, labels=labels, action_labels=torch.tensor([[0, 1, 2], [3, 4, 5]]))
    output.loss.backward()
    silent = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert silent == []
    model.zero_grad(set_to_none=True)


def test_generation_with_cache_equals_recomputation(model):
    batch = batch_of(*rows(model), left=True)
    cached = model.generate(**batch, max_new_tokens=4, do_sample=False, eos_token_id=None)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    for _ in range(4):
        with torch.no_grad():
            logits = model(**{**batch, "input_ids": ids, "attention_mask": mask}).logits[:, -1:]
        best = logits[..., : model.config.video_token_id].argmax(-1)  # placeholders are no words
        ids, mask = torch.cat([ids, best], 1), torch.cat([mask, torch.ones_like(best)], 1)
    assert cached.tolist() == ids.tolist()


def test_what_was_saved_comes_back_with_either_kernel(model, tmp_path):
    model.save_pretrained(tmp_path)
    batch = batch_of(*rows(model), left=True)
    expected = logits_of_rows(model, batch)
    same = load_model(tmp_path, dtype="float32", attention="sdpa")
    eager = load_model(tmp_path, dtype="float32", attention="eager")
    assert eager.vision.tower.config._attn_implementation == "eager"
    assert same.config.token_layout == model.config.token_layout
    for row, ours, others in zip(expected, logits_of_rows(same, batch), logits_of_rows(eager, batch), strict=True):
        assert torch.equal(row, ours)
        assert torch.allclose(row, others, atol=1e-5)


def test_only_what_is_read_is_kept(model):
    names = [name for name, _ in model.vision.named_parameters()]
    assert {name.split(".")[3] for name in names if "encoder.layers" in name} == {"0", "1"}
    assert not any("post_layernorm" in name or ".head." in name for name in names)
    assert sum("pre_layrnorm" in name for name in names) == 2 * ("clip" in model.config.vision_config.model_type)


@pytest.mark.parametrize("model_type", KINDS)
@torch.no_grad()
def test_features_are_the_second_to_last_hidden_state(model_type):
    """Against transformers' whole model, whose own processor would normalise by its own statistics."""
    ours = make_model(tower=model_type).vision
    whole = AutoModel.from_config(AutoConfig.for_model(model_type, **VISION)).eval()
    # What ours left out keeps its random weights: the hidden state that is read lies before it.
    unknown = whole.load_state_dict(ours.tower.state_dict(), strict=False)
    assert unknown.unexpected_keys == [] and all(
        "encoder.layers.2" in k or "head" in k or "post" in k for k in unknown.missing_keys
    )
    pixels = torch.rand(2, 3, 12, 12)
    if model_type == "clip_vision_model":
        mean, std = torch.tensor([[0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]])
        theirs = whole((pixels - mean[:, None, None]) / std[:, None, None], output_hidden_states=True)
        expected = theirs.hidden_states[-2][:, 1:]
    elif model_type == "siglip2_vision_model":
        patches = torch.stack([naflex_patches(frame) for frame in (pixels - 0.5) / 0.5])
        grid = torch.tensor([[3, 3], [3, 3]])
        theirs = whole(patches, torch.ones(2, 9, dtype=torch.int32), grid, output_hidden_states=True)
        expected = theirs.hidden_states[-2]
    else:
        expected = whole((pixels - 0.5) / 0.5, output_hidden_states=True).hidden_states[-2]
    assert expected.shape == (2, 9, 16)
    assert torch.allclose(ours(pixels * 2 - 1), expected, atol=1e-5)


def naflex_patches(frame):
    """One patch after the other, row by row, colours innermost, spelled out."""
    corners = [(top, left) for top in range(0, 12, 4) for left in range(0, 12, 4)]
    return torch.stack([frame[:, top : top + 4, left : left + 4].permute(1, 2, 0).flatten() for top, left in corners])


@pytest.mark.parametrize("model_type", ["qwen2", "qwen3", "llama", "mistral", "gemma3_text"])
@torch.no_grad()
def test_text_alone_reads_as_in_the_language_model(model_type):
    ours = make_model(model_type)
    theirs = AutoModelForCausalLM.from_config(ours.config.text_config).eval()
    theirs.model.load_state_dict(ours.decoder.state_dict())
    theirs.lm_head.load_state_dict(ours.lm_head.state_dict())
    ids = torch.tensor([[5, 9, 17, 30, 2]])
    assert torch.allclose(ours(ids).logits, theirs(ids).logits, atol=1e-5)


@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("model_type", ["qwen3", "llama", "gemma3_text"])
def test_tied_embeddings_are_one_weight(model_type, tie, tmp_path):
    model = make_model(model_type, tie_word_embeddings=tie)
    model.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, dtype="float32", attention="sdpa")
    for each in (model, loaded):
        assert (each.lm_head.weight is each.decoder.embed_tokens.weight) == tie


def test_logits_that_would_be_capped_are_refused():
    with pytest.raises(ConfigError, match=r"gemma2.*final_logit_softcapping"):
        make_model("gemma2")
    make_model("gemma2", attention="eager", final_logit_softcapping=None)


def test_other_vision_models_are_refused():
    with pytest.raises(ConfigError, match=r"vit.*must be one of.*siglip2_vision_model"):
        make_model(tower="vit")


@pytest.mark.parametrize("image_size", [None, 14])
def test_naflex_needs_the_side_of_its_frames(image_size):
    vision = {"model_type": "siglip2_vision_model", **VISION, "image_size": image_size}
    with pytest.raises(ConfigError, match=f"image_size = {image_size}.*multiple of its patch_size 4"):
        tiny_model(vision={name: value for name, value in vision.items() if value is not None})


@pytest.mark.parametrize("name", ["tiny_llama_clip", "tiny_qwen3_siglip2"])
def test_tiny_configs_see_the_frames_of_the_toy_kitchen(name):
    config = compose_config("train", [f"model={name}", "paths.sft=x", "paths.videos=x"]).model
    model = new_model(config, ClassCounts(4, 5, 6), num_token_ids=300, eos_token_id=1, pad_token_id=0, seed=0)
    ids = torch.tensor([[5, *model.config.token_layout.placeholders(2), 6]])
    frames = {"pixel_values_videos": torch.zeros(2, 3, 48, 48), "num_frames_per_video": torch.tensor([2])}
    assert ids.shape == (1, 1 + 2 * 3 * 4 + 1 + 1)
    assert model(ids, **frames).logits.isfinite().all()


def test_qwen3_config_has_the_size_of_the_published_model():
    config = compose_config("train", ["model=qwen3_0.6b_siglip2", "model.tokenizer=x", "paths.sft=x", "paths.videos=x"])
    with torch.device("meta"):
        model = new_model(
            config.model, ClassCounts(97, 300, 3806), num_token_ids=151_669, eos_token_id=1, pad_token_id=0, seed=0
        )
    # 0.6 B parameters, 0.44 B of them not embeddings.
    assert sum(weight.numel() for weight in model.decoder.parameters()) == 596_049_920
    assert model.decoder.embed_tokens.weight.numel() == 596_049_920 - 440_467_456
    assert model.config.token_layout.num_visual_tokens(16) == 3360
