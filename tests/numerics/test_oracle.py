"""The model computes what the public implementation computes, on its checkpoints (see shared/oracle/REPORT.md)."""

import json

import numpy as np
import pytest
import torch

from llavaction.cli.convert import convert_checkpoint
from llavaction.model.build import load_model
from llavaction.model.public.options import ConvertConfig
from llavaction.processing.batch import pad_rows

VARIANTS = [
    *("B_none_grid", "B_one_last_grid", "B_three_last_onetok", "B_three_all_frame_inv", "B_one_ndistill_grid"),
]


@pytest.fixture(scope="module")
def load_public(shared, tmp_path_factory):
    """The public checkpoint of a variant as our model, by the way that users take."""

    def load(variant):
        oracle, output = shared / "oracle", tmp_path_factory.mktemp(variant) / "ours"
        config = ConvertConfig(str(oracle / variant), str(output), tokenizer=str(oracle / "tiny_tokenizer"))
        convert_checkpoint(config, None)
        return load_model(output, dtype="float32", attention="sdpa").eval()

    return load


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


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_losses_and_gradients(shared, load_public, variant):
    folder = shared / "oracle" / variant
    model, io = load_public(variant), np.load(folder / "io.npz")
    batch, labels = make_batch(model, io)
    with torch.no_grad():
        logits = model(**batch).logits
    valid = torch.tensor(io["out_attention_mask"]).bool()
    assert (logits - torch.tensor(io["out_logits"]))[valid].abs().max() < 5e-5
    output = model(**batch, labels=labels, action_labels=torch.tensor(io["actions"]))
    assert output.lm_loss.item() == pytest.approx(float(io["lm_loss"]), rel=1e-5)
    # A converted checkpoint weighs its losses as the public code does.
    assert output.loss.item() == pytest.approx(float(io["loss"]), rel=1e-5)
    if variant == "B_none_grid":
        assert output.verb_loss is None
        return
    terms = 0.5 * output.verb_loss + 0.5 * output.noun_loss + 0.1 * output.action_loss
    assert terms.item() == pytest.approx(float(io["vision_loss"]), rel=1e-5)
    output.loss.backward()
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


@pytest.mark.parametrize("variant", ["B_none_grid", "B_one_last_grid", "B_three_all_frame_inv"])
def test_greedy_generation(shared, load_public, variant):
    expected = json.loads((shared / "oracle" / "generation.json").read_text())[variant]
    folder = shared / "oracle" / variant
    model, generation = load_public(variant), np.load(folder / "generate.npz")
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
