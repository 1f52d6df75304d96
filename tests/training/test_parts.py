import pytest

from llavaction.testing.tiny import tiny_model
from llavaction.training.config import LearningRates, Part, TrainConfig
from llavaction.training.parts import count_parameters, freeze_parts, parameter_groups, part_of
from llavaction.utils.errors import ConfigError


def test_every_parameter_has_a_part():
    model = tiny_model()
    parts = {part_of(name) for name, _ in model.named_parameters()}
    assert parts == set(Part) - {Part.LORA}
    assert sum(entry["all"] for entry in count_parameters(model).values()) == sum(p.numel() for p in model.parameters())


def test_frozen_parts_train_nothing():
    model = tiny_model()
    freeze_parts(model, [Part.VISION, Part.DECODER])
    counts = count_parameters(model)
    assert counts["vision"]["trained"] == counts["decoder"]["trained"] == 0
    assert counts["projector"]["trained"] == counts["projector"]["all"] > 0
    groups = parameter_groups(model.named_parameters(), LearningRates().of, 0.0)
    assert {group["name"] for group in groups} == {"projector", "action"}


def test_frozen_tower_keeps_no_graph():
    import torch

    model = tiny_model()
    freeze_parts(model, [Part.VISION])
    assert not model.vision(torch.randn(1, 3, 12, 12)).requires_grad


def test_rates_and_decay_by_group():
    model = tiny_model()
    rates = LearningRates(vision=1e-6, projector=2e-6, decoder=3e-6, action=4e-6)
    groups = parameter_groups(model.named_parameters(), rates.of, 0.1)
    assert {group["name"]: group["lr"] for group in groups} == {
        "vision": 1e-6,
        "projector": 2e-6,
        "decoder": 3e-6,
        "action": 4e-6,
    }
    for group in groups:
        decays = {parameter.ndim > 1 for parameter in group["params"]}
        assert decays == {group["weight_decay"] == 0.1}
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_freezing_everything_is_refused():
    with pytest.raises(ConfigError, match="nothing is left to train"):
        TrainConfig(freeze=list(Part))


def test_adapters_are_not_frozen():
    with pytest.raises(ConfigError, match="lora=none"):
        TrainConfig(freeze=[Part.LORA])


@pytest.mark.parametrize("change", [{"epochs": 0}, {"batch_size": 0}, {"max_steps": -1}, {"num_workers": -1}])
def test_values_out_of_range(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        TrainConfig(**change)


def test_learning_rate_zero_is_freezing():
    with pytest.raises(ConfigError, match=r"train\.lr\.vision"):
        LearningRates(vision=0)
