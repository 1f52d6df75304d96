"""What a step does not compute and does not keep, and the kernels that may be asked for."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from llavaction.model.build import load_model, new_model, use_kernels
from llavaction.model.config import LossKernel, ModelConfig, SupervisedLayers
from llavaction.model.kernels import check_attention, check_loss_kernel
from llavaction.testing.processes import ROOT
from llavaction.testing.tiny import COUNTS, tiny_model, tiny_model_config
from llavaction.utils.errors import ConfigError
from tests.model.memory import peak_bytes

OPTIONAL_ATTENTION = ["flash_attention_2", "flash_attention_3", "flex_attention"]


def make_batch(model, num_frames=3, num_labels=2):
    """One row: a video, and text behind it whose last tokens are labelled."""
    ids = torch.tensor([[5, *model.config.token_layout.placeholders(num_frames), 6, 7, 8, 9]])
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values_videos": torch.randn(num_frames, 3, 12, 12, generator=torch.Generator().manual_seed(3)),
        "num_frames_per_video": torch.tensor([num_frames]),
        "labels": torch.cat([torch.full_like(ids[:, :-num_labels], -100), ids[:, -num_labels:]], dim=1),
        "action_labels": torch.tensor([[1, 2, 3]]),
    }


def gradients(model, batch):
    model.zero_grad(set_to_none=True)
    loss = model(**batch).loss
    loss.backward()
    return [loss.detach(), *(weight.grad for weight in model.parameters())]


def assert_close(values, expected):
    for value, other in zip(values, expected, strict=True):
        assert torch.allclose(value, other, rtol=1e-5, atol=1e-6)


def test_the_head_sees_labelled_positions_and_in_generation_the_last():
    model = tiny_model()
    seen = []
    model.lm_head.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].shape[:-1].numel()))
    batch = make_batch(model)
    model(**batch)
    assert seen == [2]
    seen.clear()
    prompt = {name: tensor for name, tensor in batch.items() if "labels" not in name}
    model.generate(**prompt, max_new_tokens=3, do_sample=False, eos_token_id=None)
    assert seen == [1, 1, 1]


def test_training_fills_no_cache():
    model = tiny_model()
    batch = make_batch(model)
    assert model(**batch).past_key_values is None
    assert model(**{name: tensor for name, tensor in batch.items() if "labels" not in name}).past_key_values is not None


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("checkpointing", [True, False])
def test_kernels_and_chunks_change_nothing(tied, checkpointing):
    decoder = {**tiny_model_config().decoder, "tie_word_embeddings": tied}
    model = tiny_model(decoder=decoder).train()
    assert (model.lm_head.weight is model.decoder.embed_tokens.weight) == tied
    batch = make_batch(model, num_labels=4)
    model.loss_kernel = LossKernel.DENSE
    expected = gradients(model, batch)
    model.loss_kernel, model.loss_chunk, model.vision.chunk = LossKernel.CHUNKED, 3, 2
    if checkpointing:
        model.gradient_checkpointing_enable()
    assert_close(gradients(model, batch), expected)


def test_supervising_all_layers_needs_no_more_memory():
    """Of each layer's states only those of the action token are kept."""
    peaks = {}
    for layers in (SupervisedLayers.LAST_LAYER, SupervisedLayers.ALL_LAYERS):
        decoder = {**tiny_model_config().decoder, "num_hidden_layers": 8}
        model = tiny_model(decoder=decoder, supervised_layers=layers).train()
        model.gradient_checkpointing_enable()
        batch = make_batch(model, num_frames=40)
        model(**batch).loss.backward()  # gradients of all weights exist from here on
        peaks[layers] = peak_bytes(lambda model=model, batch=batch: model(**batch).loss.backward())
    one_state = batch["input_ids"].numel() * 32 * 4
    assert peaks[SupervisedLayers.ALL_LAYERS] < peaks[SupervisedLayers.LAST_LAYER] + 2 * one_state


def test_a_model_runs_as_its_config_says(tmp_path):
    settings = {"loss_kernel": LossKernel.DENSE, "loss_chunk": 7, "vision_chunk": 2}
    tiny_model().save_pretrained(tmp_path)
    loaded = load_model(tmp_path, dtype="float32", attention="sdpa")
    use_kernels(loaded, ModelConfig(checkpoint=str(tmp_path), **settings))
    for model in (tiny_model(**settings), loaded):
        assert (model.loss_kernel, model.loss_chunk, model.vision.chunk) == (LossKernel.DENSE, 7, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vision_chunk": -1}, r"model\.vision_chunk = -1: must be 0"),
        ({"loss_chunk": 0}, r"model\.loss_chunk = 0: must be 1"),
        ({"attention": "flash"}, r"model\.attention = 'flash': must be one of sdpa, eager, flash_attention_2"),
    ],
)
def test_settings_are_checked(change, message):
    with pytest.raises(ConfigError, match=message):
        ModelConfig(**change)


@pytest.mark.parametrize("attention", OPTIONAL_ATTENTION)
def test_attention_kernels_of_gpus_are_refused_elsewhere(attention, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    message = f"model.attention = {attention} needs a GPU and torch sees none; use sdpa"
    with pytest.raises(ConfigError, match=message):
        tiny_model(attention=attention)
    tiny_model().save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=message):
        load_model(tmp_path, dtype="float32", attention=attention)


def test_liger_is_refused_elsewhere_too(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"model\.loss_kernel = liger needs a GPU and torch sees none; use chunked"):
        tiny_model(loss_kernel=LossKernel.LIGER)


@pytest.mark.parametrize(
    ("module", "package", "check"),
    [
        ("flash_attn", "flash-attn", lambda: check_attention("flash_attention_2")),
        ("flash_attn_interface", "flash-attn-3", lambda: check_attention("flash_attention_3")),
        ("liger_kernel", r"liger-kernel \(extra fast\)", lambda: check_loss_kernel(LossKernel.LIGER)),
    ],
)
def test_a_missing_package_is_named(module, package, check, monkeypatch):
    if importlib.util.find_spec(module):
        pytest.skip(f"{package} is installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ConfigError, match=f"needs the package {package}; install it or use"):
        check()


@pytest.mark.parametrize("supported", ["sdpa", "eager"])
def test_kernels_that_run_anywhere_are_not_asked_for(supported):
    check_attention(supported)
    check_loss_kernel(LossKernel.CHUNKED)
    check_loss_kernel(LossKernel.DENSE)


def test_both_ways_of_the_benchmark_compute_the_same():
    spec = importlib.util.spec_from_file_location("bench_step", ROOT / "scripts" / "bench_step.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    model = tiny_model().train()
    batch = make_batch(model)
    results = []
    for step in (bench.lean_step, bench.dense_step):
        model.zero_grad(set_to_none=True)
        loss = step(model, batch)
        results.append([torch.tensor(loss), *(weight.grad for weight in model.parameters())])
    assert_close(*results)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_blocks_compute_the_same():
    """With everything that hooks into blocks: all layers supervised, and gradient checkpointing."""
    config = tiny_model_config(supervised_layers=SupervisedLayers.ALL_LAYERS, compile=True)
    compiled = new_model(config, COUNTS, num_token_ids=300, eos_token_id=1, pad_token_id=0, seed=0).train()
    config.compile = False
    plain = new_model(config, COUNTS, num_token_ids=300, eos_token_id=1, pad_token_id=0, seed=0).train()
    assert list(compiled.state_dict()) == list(plain.state_dict())
    for model in (compiled, plain):
        model.gradient_checkpointing_enable()
    for num_frames in (2, 3):
        batch = make_batch(plain, num_frames)
        assert_close(gradients(compiled, batch), gradients(plain, batch))


@pytest.mark.slow
def test_processes_of_zero3_may_differ_in_frames_and_labels():
    """Five frames and five labels on one process, one and one on the other, in chunks of two."""
    pytest.importorskip("deepspeed")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    result = subprocess.run(
        [*launcher, str(Path(__file__).with_name("zero3_step.py"))],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
