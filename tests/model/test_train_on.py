"""Going on from a checkpoint: what training may ask of it."""

import pytest

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
