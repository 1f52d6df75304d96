"""Going on from a checkpoint: what training may ask of it."""

import pytest
import torch

from llavaction.model.build import load_model, train_on
from llavaction.model.config import (
    ActionSupervision,
    Distillation,
    LayerAverage,
    LossWeights,
    ModelConfig,
    NewlinePosition,
    SupervisedLayers,
)
from llavaction.model.new_token import add_action_token
from llavaction.testing.tiny import tiny_model
from llavaction.utils.errors import ConfigError
from tests.model.test_objective import make_batch, run


def test_the_objective_is_that_of_the_run(tmp_path):
    model = tiny_model()
    weights = LossWeights(action=0.7, layer_average=LayerAverage.REFERENCE)
    wanted = {"supervised_layers": SupervisedLayers.ALL_LAYERS, "distillation": Distillation.FROM_LAST}
    train_on(model, ModelConfig(checkpoint="saved", loss_weights=weights, **wanted))
    fresh = tiny_model(loss_weights=weights, **wanted)
    batch = make_batch(model)
    assert float(run(model, batch).loss.detach()) == float(run(fresh, batch).loss.detach())
    model.save_pretrained(tmp_path)
    again = load_model(tmp_path, dtype="float32", attention="sdpa")
    assert again.objective == model.objective


@pytest.mark.parametrize(
    "asked", [{"newline": NewlinePosition.FRAME}, {"pool_stride": 3}, {"supervision": ActionSupervision.THREE_TOKENS}]
)
def test_another_structure_is_refused(asked):
    (name,) = asked
    with pytest.raises(ConfigError, match=rf"model\.{name} = .*saved was made with"):
        train_on(tiny_model(), ModelConfig(checkpoint="saved", **asked))


def test_defaults_ask_for_nothing():
    model = tiny_model(newline=NewlinePosition.FRAME, supervision=ActionSupervision.NEWLINE)
    train_on(model, ModelConfig(checkpoint="saved"))
    assert model.config.newline == "frame"


def test_a_model_without_an_action_token_gets_one(tmp_path):
    model = tiny_model(supervision=ActionSupervision.NONE)
    plain = {name: weight.clone() for name, weight in model.state_dict().items()}
    add_action_token(model, ActionSupervision.THREE_TOKENS, (4, 5, 6), seed=3)
    train_on(model, ModelConfig(checkpoint="saved", supervision=ActionSupervision.THREE_TOKENS))
    assert all(torch.equal(weight, model.state_dict()[name]) for name, weight in plain.items())
    assert model.config.token_layout.num_action_tokens == 3
    assert run(model, make_batch(model)).action_loss.isfinite()
    model.save_pretrained(tmp_path)
    again = load_model(tmp_path, dtype="float32", attention="sdpa")
    assert torch.equal(again.action_token.embedding, model.action_token.embedding)
    assert again.action_token.embedding.std().item() == pytest.approx(32**-0.5, rel=0.3)
