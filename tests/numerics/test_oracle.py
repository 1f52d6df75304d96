"""The model computes what the public implementation computes, on its checkpoints (see shared/oracle/REPORT.md)."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.processing.batch import pad_rows

# Public names, as prefixes, and ours.
NAMES = {
    "model.vision_tower.vision_tower.vision_model.": "vision.tower.",
    "model.mm_projector.0.": "projector.linear_1.",
    "model.mm_projector.2.": "projector.linear_2.",
    "model.image_newline": "newline",
    "model.action_supervision": "action_token.embedding",
    "verb_head.": "action_token.verb_head.",
    "noun_head.": "action_token.noun_head.",
    "action_head.": "action_token.action_head.",
    "lm_head.": "lm_head.",
    "model.": "decoder.",
}
TEXT = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
TEXT += ("max_position_embeddings", "rms_norm_eps", "vocab_size", "tie_word_embeddings")


def load_public(folder):
    """The public checkpoint as our model."""
    public = json.loads((folder / "config.json").read_text())
    vision = json.loads((folder / "vision_config.json").read_text())
    rope = {"rope_type": "default", "rope_theta": public["rope_theta"]}
    num_classes = [int(number) for number in public.get("action_types", "0,0,0").split(",")]
    config = LlavactionConfig(
        vision_config={"model_type": "siglip_vision_model", "vision_use_head": False, **vision},
        text_config={"model_type": "qwen2", "rope_parameters": rope, **{name: public[name] for name in TEXT}},
        newline=public["mm_newline_position"],
        supervision=public.get("vision_supervision", "none"),
        **dict(zip(("num_verbs", "num_nouns", "num_actions"), num_classes, strict=True)),
        video_token_id=public["vocab_size"] - 2,
        action_token_id=public["vocab_size"] - 1,
    )
    model = LlavactionForConditionalGeneration(config).eval()
    weights = {}
    for name, weight in load_file(folder / "model.safetensors").items():
        if "post_layernorm" not in name:  # stored, but never applied
            prefix = next(prefix for prefix in NAMES if name.startswith(prefix))
            weights[NAMES[prefix] + name.removeprefix(prefix)] = weight
    # Three rows are stored; one action token uses the first.
    if "action_token.embedding" in weights:
        weights["action_token.embedding"] = weights["action_token.embedding"][:1]
    model.load_state_dict(weights, strict=True)
    return model


def make_batch(model, io):
    """The oracle's inputs, its one marker per video replaced by our placeholders."""
    layout = model.config.token_layout
    rows, labels = [], []
    for row, mask in enumerate(io["attention_mask"].astype(bool)):
        ids, targets = io["input_ids"][row][mask].tolist(), io["labels"][row][mask].tolist()
        place, filling = ids.index(-200), layout.placeholders(len(io[f"pixel_values_{row}"]))
        rows.append(torch.tensor(ids[:place] + filling + ids[place + 1 :]))
        labels.append(torch.tensor(targets[:place] + [-100] * len(filling) + targets[place + 1 :]))
    input_ids, attention_mask = pad_rows(rows, 0)
    pixels = [torch.tensor(io[f"pixel_values_{row}"]) for row in range(len(rows))]
    batch = {
        "input_ids": input_ids,
        "attention_mask": attention_mask,
        "pixel_values_videos": torch.cat(pixels),
        "num_frames_per_video": torch.tensor([len(frames) for frames in pixels]),
    }
    return batch, pad_rows(labels, -100)[0]


@pytest.mark.parametrize("variant", ["B_none_grid", "B_one_last_grid"])
def test_logits_losses_and_gradients(shared, variant):
    folder = shared / "oracle" / variant
    model, io = load_public(folder), np.load(folder / "io.npz")
    batch, labels = make_batch(model, io)
    with torch.no_grad():
        logits = model(**batch).logits
    valid = torch.tensor(io["out_attention_mask"]).bool()
    assert (logits - torch.tensor(io["out_logits"]))[valid].abs().max() < 5e-5
    output = model(**batch, labels=labels, action_labels=torch.tensor(io["actions"]))
    assert output.lm_loss.item() == pytest.approx(float(io["lm_loss"]), rel=1e-5)
    if variant == "B_none_grid":
        assert output.verb_loss is None
        return
    terms = 0.5 * output.verb_loss + 0.5 * output.noun_loss + 0.1 * output.action_loss
    # The public code divides by one more than the number of supervised layers, which halves the last layer's loss.
    assert terms.item() / 2 == pytest.approx(float(io["vision_loss"]), rel=1e-5)
    (output.lm_loss + 0.1 * terms / 2).backward()
    norms = json.loads((folder / "meta.json").read_text())["grad_norms"]
    parameters = {
        "image_newline": model.newline,
        "action_supervision": model.action_token.embedding,
        "verb_head": model.action_token.verb_head.weight,
        "lm_head": model.lm_head.weight,
        "layers.0.q_proj": model.decoder.layers[0].self_attn.q_proj.weight,
        "patch_embedding": model.vision.tower.embeddings.patch_embedding.weight,
    }
    for name, parameter in parameters.items():
        assert parameter.grad.norm().item() == pytest.approx(norms[name], rel=1e-4), name


@pytest.mark.parametrize("variant", ["B_none_grid", "B_one_last_grid"])
def test_greedy_generation(shared, variant):
    expected = json.loads((shared / "oracle" / "generation.json").read_text())[variant]
    folder = shared / "oracle" / variant
    model, generation = load_public(folder), np.load(folder / "generate.npz")
    pixels = torch.tensor(generation[next(name for name in generation.files if name.startswith("pixel_values"))])
    ids, place = expected["input_ids"], expected["input_ids"].index(-200)
    ids = torch.tensor([ids[:place] + model.config.token_layout.placeholders(len(pixels)) + ids[place + 1 :]])
    made = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        pixel_values_videos=pixels,
        num_frames_per_video=torch.tensor([len(pixels)]),
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=None,
    )
    assert made[0, ids.shape[1] :].tolist() == expected["greedy"]
