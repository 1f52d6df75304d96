"""Training with adapters: rates, the report of what trains, saving, resuming, and runs that are refused."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from llavaction.evaluation.answering import Answerer
from llavaction.model.build import load_model
from llavaction.model.config import ActionSupervision, ModelConfig
from llavaction.model.lora.adapted import WEIGHTS_FILE, add_lora
from llavaction.model.lora.base import Base
from llavaction.model.lora.config import LoraConfig, LoraTargets, Quantization
from llavaction.processing.processor import Processor
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import ActionLabel, Role, Sample, Turn, View
from llavaction.testing.tiny import COUNTS, tiny_model, tiny_processor
from llavaction.training.config import LearningRates, Part, Precision, TrainConfig
from llavaction.training.lora import check_lora
from llavaction.training.parts import count_parameters, freeze_parts, parameter_groups, parameter_table, part_of
from llavaction.training.run import train
from llavaction.training.spec import TrainingRun
from llavaction.utils.errors import CheckpointError, ConfigError
from llavaction.video.layout import VideoConfig, VideoLayout

pytestmark = pytest.mark.thorough

LORA = LoraConfig(targets=LoraTargets.DECODER_AND_VISION, rank=2, alpha=4, dropout=0.2)
CLASSES = ClassTable(
    tuple(f"verb{number}" for number in range(COUNTS.num_verbs)),
    tuple(f"noun{number}" for number in range(COUNTS.num_nouns)),
    tuple(f"verb{number % 4}:noun{number % 5}" for number in range(COUNTS.num_actions)),
    {},
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The folder of a saved model, processor and classes beside it."""
    folder = tmp_path_factory.mktemp("base")
    model = tiny_model()
    model.save_pretrained(folder)
    tiny_processor(model).save(folder)
    CLASSES.save(folder)
    return folder


@pytest.fixture(scope="module")
def make_run(base, videos, clips):
    """Runs of four steps over six clips, with adapters on decoder and vision tower."""
    turns = (Turn(Role.USER, "What am I doing?"), Turn(Role.ASSISTANT, "take cup"))
    samples = [
        Sample(f"direct/{n}", View.DIRECT, str(n), clip, turns, ActionLabel(1, 2, n)) for n, clip in enumerate(clips)
    ]

    def make(folder, lora=LORA, dtype="float32", **changes):
        config = {
            "max_steps": 4,
            "batch_size": 2,
            "gradient_accumulation": 1,
            "precision": Precision.FP32,
            "num_workers": 0,
            "log_every": 1,
            "save_every": 2,
            "keep_checkpoints": 9,
            "warmup_ratio": 0.0,
            "lr": LearningRates(projector=1e-2, action=1e-2, lora=1e-2),
        }
        return TrainingRun(
            folder,
            samples,
            CLASSES,
            VideoConfig(str(videos), layout=VideoLayout.WHOLE),
            ModelConfig(checkpoint=str(base), dtype=dtype),
            TrainConfig(**{**config, **changes}),
            {},
            lora=lora,
        )

    return make


@pytest.fixture(scope="module")
def whole(make_run, tmp_path_factory):
    """The folder of a run that was not stopped."""
    folder = tmp_path_factory.mktemp("whole")
    train(make_run(folder))
    return folder


@pytest.fixture
def adapted(base):
    """A model with adapters, frozen as a run freezes it."""
    model = add_lora(load_model(base, dtype="float32", attention="sdpa"), LORA, Base.of(base), seed=0)
    freeze_parts(model, [Part.VISION, Part.DECODER])
    return model


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("base_model.model.newline", Part.PROJECTOR),
        ("module.base_model.model.action_token.verb_head.weight", Part.ACTION),
        ("base_model.model.decoder.layers.0.mlp.up_proj.base_layer.weight", Part.DECODER),
        ("base_model.model.lm_head.weight", Part.DECODER),
        ("base_model.model.decoder.layers.0.mlp.up_proj.lora_A.default.weight", Part.LORA),
        ("base_model.model.vision.tower.encoder.layers.0.mlp.fc1.lora_B.default.weight", Part.LORA),
        ("base_model.model.decoder.layers.0.mlp.up_proj.lora_magnitude_vector.default.weight", Part.LORA),
    ],
)
def test_names_below_the_adapters_prefix_keep_their_part(name, part):
    assert part_of(name) is part


def test_adapters_have_a_rate_of_their_own(adapted):
    rates = LearningRates(projector=2e-5, action=3e-5, lora=1e-4)
    groups = parameter_groups(adapted.named_parameters(), rates.of, 0.1)
    assert {group["name"]: group["lr"] for group in groups} == {"projector": 2e-5, "action": 3e-5, "lora": 1e-4}
    trained = [weight for weight in adapted.parameters() if weight.requires_grad]
    assert sum(len(group["params"]) for group in groups) == len(trained)


def test_the_table_says_what_trains(adapted):
    counts = count_parameters(adapted)
    plain = count_parameters(tiny_model())
    assert {part: entry["all"] for part, entry in counts.items() if part != "lora"} == {
        part: entry["all"] for part, entry in plain.items()
    }
    assert {part: entry["trained"] / entry["all"] for part, entry in counts.items()} == {
        "vision": 0,
        "projector": 1,
        "decoder": 0,
        "action": 1,
        "lora": 1,
    }
    lines = parameter_table(counts).splitlines()
    assert [line.split()[0] for line in lines] == ["part", "vision", "projector", "decoder", "action", "lora", "total"]
    assert len({len(line) for line in lines}) == 1
    total = sum(weight.numel() for weight in adapted.parameters())
    trained = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert lines[-1].split() == ["total", f"{total:,}", f"{trained:,}", f"{trained / total:.2%}"]


def test_a_run_leaves_an_adapter_that_evaluation_loads(base, whole, make_run):
    checkpoint = whole / "checkpoint"
    assert not (checkpoint / "model.safetensors").exists()
    assert (checkpoint / WEIGHTS_FILE).stat().st_size < (base / "model.safetensors").stat().st_size
    steps = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in steps] == [1, 2, 3, 4]
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert steps[0].keys() > {"lr_lora", "lr_projector", "lr_action"} and "lr_decoder" not in steps[0]
    answerer = Answerer.load(checkpoint, dtype="float32", attention="sdpa", device=torch.device("cpu"))
    moved = {
        name
        for name, weight in tiny_model().named_parameters()
        if not torch.equal(weight, dict(answerer.model.named_parameters())[name])
    }
    assert {part_of(name) for name in moved} == {Part.VISION, Part.PROJECTOR, Part.DECODER, Part.ACTION}
    assert not moved & {"decoder.embed_tokens.weight", "lm_head.weight"}
    assert answerer.classes == CLASSES


def test_a_resumed_run_ends_with_the_same_weights(whole, make_run, tmp_path):
    shutil.copytree(whole / "checkpoint-2", tmp_path / "checkpoint-2")
    train(make_run(tmp_path))
    expected, found = (load_file(folder / "checkpoint" / WEIGHTS_FILE) for folder in (whole, tmp_path))
    halfway = load_file(whole / "checkpoint-2" / WEIGHTS_FILE)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]) and not torch.equal(tensor, halfway[name]), name


def test_a_checkpoint_in_which_other_parts_trained_is_not_resumed(whole, make_run, tmp_path):
    shutil.copytree(whole / "checkpoint-2", tmp_path / "checkpoint-2")
    with pytest.raises(CheckpointError, match=r"not trained by this run \(first: .*newline"):
        train(make_run(tmp_path, freeze=[Part.PROJECTOR]))


def test_frozen_small_parts_stay_out_of_the_file(make_run, tmp_path):
    train(make_run(tmp_path, freeze=[Part.PROJECTOR, Part.ACTION], max_steps=1, save_every=0))
    names = load_file(tmp_path / "checkpoint" / WEIGHTS_FILE)
    assert names and all(".lora_" in name for name in names)
    load_model(tmp_path / "checkpoint", dtype="float32", attention="sdpa")


def test_what_trains_on_a_half_precision_base_is_float32(make_run, tmp_path):
    train(make_run(tmp_path, dtype="bfloat16", precision=Precision.BF16, gradient_checkpointing=False, max_steps=2))
    tensors = load_file(tmp_path / "checkpoint" / WEIGHTS_FILE)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    # Steps of this size vanish in bfloat16.
    newline = tensors["base_model.model.newline"]
    assert not torch.equal(newline, newline.bfloat16().float())


def test_an_adapter_can_be_trained_on_in_full_but_not_adapted_again(whole, make_run, tmp_path):
    run = make_run(tmp_path / "again")
    model = replace(run.model, checkpoint=str(whole / "checkpoint"))
    with pytest.raises(ConfigError, match=r"is an adapter; merge it first: llavaction merge checkpoint="):
        train(replace(run, model=model))
    train(replace(make_run(tmp_path / "full", lora=LoraConfig(), max_steps=1), model=model))
    assert (tmp_path / "full" / "checkpoint" / "model.safetensors").is_file()


def test_a_base_without_an_action_token(make_run, tmp_path):
    bare = tiny_model(supervision=ActionSupervision.NONE)
    bare.save_pretrained(tmp_path / "bare")
    tiny_processor(bare).save(tmp_path / "bare")
    run = make_run(tmp_path / "refused")
    model = replace(run.model, checkpoint=str(tmp_path / "bare"))
    with pytest.raises(ConfigError, match=r"has no action token, .*train\.max_steps=0"):
        train(replace(run, model=model))
    full = replace(make_run(tmp_path / "with", lora=LoraConfig(), max_steps=0), model=model)
    folder = train(full)
    assert Processor.load(folder).config.layout.num_action_tokens == 1
    adapted = replace(make_run(tmp_path / "adapted", max_steps=1), model=replace(model, checkpoint=str(folder)))
    assert (train(adapted) / WEIGHTS_FILE).is_file()
    without = replace(full, folder=tmp_path / "without", model=replace(model, supervision=ActionSupervision.NONE))
    assert load_model(train(without), dtype="float32", attention="sdpa").action_token is None


def test_deepspeed_does_not_stay_out_without_a_word(make_run, tmp_path, monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    run = replace(make_run(tmp_path), deepspeed={"zero_optimization": {"stage": 2}})
    with pytest.raises(ConfigError, match="torchrun --nproc_per_node 1"):
        train(run)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"checkpoint": None}, r"model\.checkpoint is not set"),
        ({"freeze": [Part.DECODER]}, r"train\.freeze names decoder"),
        ({"freeze": [Part.VISION]}, r"train\.freeze names vision"),
        ({"dtype": "bfloat16"}, r"need train\.precision=bf16"),
        ({"quantize": Quantization.NF4, "stage": 3}, "deepspeed=zero2 or none"),
    ],
)
def test_settings_that_do_not_go_together(changes, message):
    lora = replace(LORA, quantize=changes.get("quantize", Quantization.NONE))
    model = ModelConfig(checkpoint=changes.get("checkpoint", "saved"), dtype=changes.get("dtype", "float32"))
    config = TrainConfig(freeze=changes.get("freeze", []), precision=Precision.FP32)
    deepspeed = {"zero_optimization": {"stage": changes.get("stage", 2)}}
    with pytest.raises(ConfigError, match=message):
        check_lora(lora, model, config, deepspeed)
    check_lora(LoraConfig(), model, config, deepspeed)
    check_lora(
        replace(LORA, targets=LoraTargets.DECODER),
        ModelConfig(checkpoint="saved"),
        replace(config, freeze=[Part.VISION]),
        deepspeed,
    )
