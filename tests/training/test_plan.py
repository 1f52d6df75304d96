from dataclasses import replace

import pytest
from omegaconf import OmegaConf

from llavaction.model.lora.config import LoraConfig, LoraTargets
from llavaction.testing.processes import ROOT
from llavaction.training.config import Part, PlanConfig, Precision, TrainConfig
from llavaction.training.plan import SPLITS, Lengths, hours, reckon, split_name
from llavaction.training.setup import model_outline
from llavaction.training.steps import StepPlan
from llavaction.utils.errors import ConfigError
from tests.training.test_combinations import make_run

LENGTHS = Lengths(mean_tokens=30, max_tokens=40, mean_frames=2, max_frames=2, mean_labels=5, mean_squares=900)
STEPS = StepPlan(num_steps=10, batch_size=1, accumulation=2, num_processes=4)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    from llavaction.testing.tiny import tiny_model, tiny_processor

    folder = tmp_path_factory.mktemp("saved")
    model = tiny_model()
    model.save_pretrained(folder)
    tiny_processor(model).save(folder)
    return folder


def run_on(saved, lora=None, **train):
    run = make_run(train={"precision": Precision.FP32, **train})
    return replace(run, model=replace(run.model, checkpoint=str(saved)), lora=lora or LoraConfig())


def test_the_outline_is_the_model_without_its_weights(saved):
    run = run_on(saved, freeze=[Part.VISION])
    outline, processor = model_outline(run)
    assert {weight.device.type for weight in outline.parameters()} == {"meta"}
    assert processor.config.num_frames == run.video.num_frames
    assert not any(weight.requires_grad for weight in outline.vision.parameters())
    assert all(weight.requires_grad for weight in outline.decoder.parameters())


def test_adapters_are_outlined_too(saved):
    outline, _ = model_outline(run_on(saved, LoraConfig(targets=LoraTargets.DECODER, rank=4)))
    trained = {name for name, weight in outline.named_parameters() if weight.requires_grad}
    assert any(".lora_A." in name for name in trained)
    assert not any("decoder" in name and ".lora_" not in name for name in trained)


def test_disk_and_time(saved):
    run = run_on(saved, save_every=5, keep_checkpoints=2, plan=PlanConfig(device="NVIDIA H100 80GB HBM3"))
    outline, _ = model_outline(run)
    needs = reckon(run, outline, LENGTHS, STEPS)
    num_weights = sum(weight.numel() for weight in outline.parameters())
    assert needs.split == "none"
    assert needs.final_checkpoint == 4 * num_weights
    assert needs.disk == 4 * num_weights + 3 * (4 + 8) * num_weights
    assert needs.hours == pytest.approx(needs.flops / (989e12 * 0.35 * 4) / 3600)
    assert hours(run, 2 * needs.flops, STEPS) == pytest.approx(2 * needs.hours)
    unknown = replace(run, train=replace(run.train, plan=PlanConfig(device="Abacus 3000")))
    assert reckon(unknown, outline, LENGTHS, STEPS).hours is None


@pytest.mark.parametrize("name", SPLITS)
def test_splits_are_the_configs_of_their_name(name):
    path = ROOT / "configs" / "deepspeed" / f"{name}.yaml"
    layers = [OmegaConf.load(path)]
    while "defaults" in layers[0]:
        layers.insert(0, OmegaConf.load(path.with_name(f"{layers[0].defaults[0]}.yaml")))
    merged = OmegaConf.to_container(OmegaConf.merge(*layers))
    merged.pop("defaults", None)
    assert split_name(merged) == name


def test_other_settings_have_no_name():
    assert split_name({"zero_optimization": {"stage": 2, "offload_param": {"device": "cpu"}}}) is None


@pytest.mark.parametrize("wrong", [{"num_gpus": 0}, {"memory_gib": -1}, {"utilisation": 0}])
def test_plans_that_mean_nothing(wrong):
    with pytest.raises(ConfigError, match=r"train\.plan\."):
        TrainConfig(plan=PlanConfig(**wrong))
