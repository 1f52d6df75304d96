"""Adapters: what they go on, what is saved, and that loading and merging change no number."""

import json
import shutil

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

from llavaction.model.build import load_model
from llavaction.model.lora import quantization
from llavaction.model.lora.adapted import WEIGHTS_FILE, add_lora, merge_adapter
from llavaction.model.lora.base import Base, is_adapter
from llavaction.model.lora.config import LoraConfig, LoraTargets, Quantization
from llavaction.model.lora.targets import describe_targets, find_targets
from llavaction.testing.tiny import tiny_model
from llavaction.training.config import Part
from llavaction.training.parts import freeze_parts
from llavaction.utils.errors import CheckpointError, ConfigError

pytestmark = pytest.mark.thorough

DECODER = LoraTargets.DECODER
BOTH = LoraTargets.DECODER_AND_VISION
FULL = {
    "base_model.model.newline",
    "base_model.model.action_token.embedding",
    *(f"base_model.model.action_token.{head}_head.weight" for head in ("verb", "noun", "action")),
    *(f"base_model.model.projector.linear_{number}.{kind}" for number in (1, 2) for kind in ("weight", "bias")),
}


def make_batch(model):
    """A row of text with a video of two frames, and what it is taught."""
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(5, 200, (8,), generator=generator)
    ids = torch.cat([text[:2], torch.tensor(model.config.token_layout.placeholders(2)), text[2:]])[None]
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values_videos": torch.randn(2, 3, 12, 12, generator=generator),
        "num_frames_per_video": torch.tensor([2]),
    }


def numbers(model):
    """Logits of the text and of the three heads."""
    model.eval()
    with torch.no_grad():
        output = model(**make_batch(model))
    return torch.cat([output.logits.flatten(), *(scores.flatten() for scores in output.action_logits)]).float()


def adapted(base, dtype="float32", **lora):
    """The base with adapters, ready to train."""
    config = LoraConfig(**{"targets": BOTH, "rank": 4, "alpha": 8, "dropout": 0.0, **lora})
    model = add_lora(load_model(base, dtype=dtype, attention="sdpa"), config, Base.of(base), seed=1)
    freeze_parts(model, [Part.VISION, Part.DECODER])
    return model


def loss_of(model):
    batch = make_batch(model)
    labels = batch["input_ids"].clone()
    labels[:, :-5] = -100
    return model(**batch, labels=labels, action_labels=torch.tensor([[0, 1, 2]])).loss


def teach(model):
    """A few steps, after which everything that trains has moved."""
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=0.02)
    for _ in range(3):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()
    return model


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    tiny_model().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    """A trained model and the folder that it is saved in; not to be changed."""
    model = teach(adapted(base))
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(folder)
    return model, folder


def test_every_linear_layer_of_the_decoder_is_a_target():
    model = tiny_model()
    names = find_targets(model, DECODER)
    layers = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
    layers += ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
    assert names == [f"decoder.layers.{number}.{layer}" for number in (0, 1) for layer in layers]
    assert describe_targets(names).split(", ")[0] == "decoder.layers.*.self_attn.q_proj (2)"
    with_vision = find_targets(model, BOTH)
    assert set(names) < set(with_vision)
    assert {name.split(".")[0] for name in with_vision} == {"decoder", "vision"}
    assert find_targets(model, LoraTargets.NONE) == []


def test_a_part_without_linear_layers_is_refused():
    model = tiny_model()
    del model.vision
    with pytest.raises(ConfigError, match="vision has no linear layers"):
        find_targets(model, BOTH)


@pytest.mark.parametrize("use_dora", [False, True])
def test_untrained_adapters_change_nothing(base, use_dora):
    model = adapted(base, use_dora=use_dora)
    assert torch.allclose(numbers(model), numbers(tiny_model()), atol=1e-6)


def test_seed_decides_the_adapters(base):
    first, same = (load_first_adapter(adapted(base)) for _ in range(2))
    config = LoraConfig(targets=BOTH, rank=4)
    other = add_lora(load_model(base, dtype="float32", attention="sdpa"), config, Base.of(base), seed=2)
    assert torch.equal(first, same) and not torch.equal(first, load_first_adapter(other))


def load_first_adapter(model):
    return next(weight for name, weight in model.named_parameters() if "lora_A" in name)


@pytest.mark.parametrize("lora", [{"targets": DECODER}, {"targets": BOTH}, {"use_dora": True}], ids=str)
def test_saved_loaded_merged_and_exported_models_are_one(base, tmp_path, lora):
    model = teach(adapted(base, **lora))
    expected = numbers(model)
    assert not torch.allclose(expected, numbers(tiny_model()), atol=1e-2)
    model.save_pretrained(tmp_path / "adapter")
    loaded = load_model(tmp_path / "adapter", dtype="float32", attention="sdpa")
    assert type(loaded) is type(tiny_model()) and not hasattr(loaded, "peft_config")
    assert torch.allclose(numbers(loaded), expected, atol=1e-5)
    loaded.save_pretrained(tmp_path / "merged")
    assert not is_adapter(tmp_path / "merged")
    exported = load_model(tmp_path / "merged", dtype="float32", attention="sdpa")
    assert torch.equal(numbers(exported), numbers(loaded))
    assert all(weight.requires_grad for weight in exported.parameters())
    assert all(weight.requires_grad for weight in loaded.parameters())


def test_plain_peft_reads_the_whole_adapter(base, trained):
    model, folder = trained
    plain = peft.PeftModel.from_pretrained(load_model(base, dtype="float32", attention="sdpa"), folder)
    assert torch.allclose(numbers(plain), numbers(model), atol=1e-6)
    assert torch.allclose(numbers(plain.merge_and_unload()), numbers(model), atol=1e-5)


def test_the_file_holds_what_trains_and_the_base_stays(base, trained):
    model, folder = trained
    names = set(load_file(folder / WEIGHTS_FILE))
    layers = find_targets(tiny_model(), BOTH)
    assert names == FULL | {f"base_model.model.{name}.lora_{side}.weight" for name in layers for side in "AB"}
    weights = {name.replace(".base_layer", ""): weight for name, weight in model.named_parameters()}
    for name, weight in tiny_model().named_parameters():
        now = weights[f"base_model.model.{name}"]
        moves = f"base_model.model.{name}" in FULL
        assert now.requires_grad == moves and torch.equal(now, weight) != moves, name


def test_saving_twice_gives_equal_bytes(trained, tmp_path):
    model, folder = trained
    model.save_pretrained(tmp_path)
    for file in folder.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_each_layer_is_rounded_once(base, trained):
    model, folder = trained
    half = load_model(folder, dtype="bfloat16", attention="sdpa")
    assert {weight.dtype for weight in half.parameters()} == {torch.bfloat16}
    layer = model.get_base_model().decoder.layers[0].mlp.up_proj
    exact = layer.base_layer.weight.bfloat16().float() + layer.get_delta_weight("default")
    assert torch.equal(half.decoder.layers[0].mlp.up_proj.weight, exact.bfloat16())


def test_the_type_that_the_base_is_saved_in(base, trained, tmp_path):
    load_model(base, dtype="bfloat16", attention="sdpa").save_pretrained(tmp_path / "base")
    model = adapted(tmp_path / "base", dtype="bfloat16")
    model.save_pretrained(tmp_path / "adapter")
    assert load_model(tmp_path / "adapter", dtype="auto", attention="sdpa").dtype is torch.bfloat16
    assert load_model(trained[1], dtype="auto", attention="sdpa").dtype is torch.float32
    kinds = {weight.dtype for name, weight in model.named_parameters() if "lora_" in name}
    assert kinds == {torch.float32}


@pytest.mark.parametrize("targets", [DECODER, BOTH])
def test_gradients_reach_all_that_trains_also_when_activations_are_recomputed(base, targets):
    model = adapted(base, targets=targets).train()
    plain = gradients(model)
    # As transformers' Trainer does it.
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=None)
    layers = model.get_base_model().decoder.layers[0], model.get_base_model().vision.tower.encoder.layers[0]
    assert all(layer.gradient_checkpointing for layer in layers)
    found = gradients(model)
    assert plain.keys() == found.keys()
    for name, gradient in found.items():
        assert torch.allclose(gradient, plain[name], atol=1e-6), name
        # A's gradient goes through B, which starts as zeros.
        assert (gradient.abs().sum() > 0) == ("lora_A" not in name), name
    assert any("vision" in name for name in found) == (targets is BOTH)


def gradients(model):
    model.zero_grad()
    loss_of(model).backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.requires_grad}


def test_a_base_with_other_weights_is_refused(base, trained, tmp_path):
    shutil.copytree(base, tmp_path / "base")
    model = load_model(base, dtype="float32", attention="sdpa")
    with torch.no_grad():
        model.decoder.layers[1].mlp.down_proj.weight[0, 0] += 1e-3
    model.save_pretrained(tmp_path / "base")
    with pytest.raises(CheckpointError, match=r"not those that it was trained on \(model\.safetensors differs"):
        load_model(trained[1], dtype="float32", attention="sdpa", base=tmp_path / "base")


def test_a_base_that_moved(base, trained, tmp_path):
    adapter = shutil.copytree(trained[1], tmp_path / "adapter")
    moved = shutil.copytree(base, tmp_path / "moved")
    record = json.loads((adapter / "base.json").read_text())
    (adapter / "base.json").write_text(json.dumps({**record, "folder": str(tmp_path / "gone")}))
    with pytest.raises(CheckpointError, match=r"gone is not here; set 'folder' in base\.json"):
        load_model(adapter, dtype="float32", attention="sdpa")
    loaded = load_model(adapter, dtype="float32", attention="sdpa", base=moved)
    assert torch.allclose(numbers(loaded), numbers(trained[0]), atol=1e-5)
    (adapter / "base.json").unlink()
    with pytest.raises(CheckpointError, match=r"base\.json is missing"):
        load_model(adapter, dtype="float32", attention="sdpa")


def without_an_adapter(tensors):
    del tensors["base_model.model.decoder.layers.0.mlp.up_proj.lora_B.weight"]


def with_a_stranger(tensors):
    tensors["base_model.model.bridge.weight"] = torch.zeros(2)


def of_another_width(tensors):
    tensors["base_model.model.newline"] = torch.zeros(7)


def with_a_hole(tensors):
    tensors["base_model.model.decoder.layers.0.mlp.up_proj.lora_B.weight"][0, 0] = float("nan")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_an_adapter, r"1 tensors missing \(first: .*up_proj\.lora_B"),
        (with_a_stranger, r"1 tensors unknown to the base \(first: .*bridge"),
        (of_another_width, r"1 tensors of another shape \(first: .*newline"),
        (with_a_hole, r"up_proj: NaNs"),
    ],
)
def test_a_damaged_adapter_is_refused(base, trained, tmp_path, damage, message):
    adapter = shutil.copytree(trained[1], tmp_path / "adapter")
    tensors = load_file(adapter / WEIGHTS_FILE)
    damage(tensors)
    save_file(tensors, adapter / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match=message):
        merge_adapter(load_model(base, dtype="float32", attention="sdpa"), adapter)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"targets": "decoder", "rank": 0}, r"lora\.rank"),
        ({"targets": "decoder", "alpha": 0}, r"lora\.alpha"),
        ({"targets": "decoder", "dropout": 1.0}, r"lora\.dropout"),
        ({"use_dora": True}, "need adapters"),
        ({"quantize": "nf4"}, "need adapters"),
    ],
)
def test_values_that_mean_nothing(arguments, message):
    with pytest.raises(ConfigError, match=message):
        LoraConfig(**arguments)


def test_4_bits_need_bitsandbytes(base, monkeypatch):
    monkeypatch.setattr(quantization.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install .*qlora"):
        load_model(base, dtype="float32", attention="sdpa", quantize=Quantization.NF4)


def test_adapters_on_4_bits_learn_and_load_onto_the_whole_base(base, tmp_path):
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    model = load_model(base, dtype="float32", attention="sdpa", quantize=Quantization.NF4)
    kinds = {name.split(".")[0] for name, module in model.named_modules() if type(module).__name__ == "Linear4bit"}
    assert kinds == {"decoder"}
    trained = add_lora(model, LoraConfig(targets=DECODER, rank=4, dropout=0.0), Base.of(base), seed=1)
    freeze_parts(trained, [Part.VISION, Part.DECODER])
    before = loss_of(trained).item()
    teach(trained)
    adapters = [weight for name, weight in trained.named_parameters() if "lora_" in name]
    assert all(weight.grad is not None and weight.any() for weight in adapters)
    taught = loss_of(trained).item()
    assert taught < before
    trained.save_pretrained(tmp_path)
    merged = load_model(tmp_path, dtype="float32", attention="sdpa")
    # The adapters make up for four bits' rounding too, which the whole base does not have.
    assert loss_of(merged).item() == pytest.approx(taught, rel=0.02)
