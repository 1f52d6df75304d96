"""Every way of teaching the action token: places, layers, distillation, averages."""

import pytest
import torch

from llavaction.model.config import (
    ActionSupervision,
    Distillation,
    LayerAverage,
    LossWeights,
    PoolMode,
    SupervisedLayers,
)
from llavaction.model.losses import class_loss_sums, distillation_sum
from llavaction.model.pooling import pool_frames
from llavaction.testing.tiny import tiny_model, tiny_model_config
from llavaction.utils.errors import ConfigError
from tests.model.test_modeling import make_batch

TEACHING = [one for one in ActionSupervision if one is not ActionSupervision.NONE]
LABELS = torch.tensor([[0, 1, 2], [3, 4, 5]])


def run(model, batch, labels=LABELS, **counts):
    text = batch["input_ids"].clone()
    text[:, :-2] = -100
    return model(**batch, labels=text, action_labels=labels, **counts)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("supervision", TEACHING)
def test_the_heads_read_where_the_token_is(supervision, left):
    model = tiny_model(supervision=supervision)
    batch = make_batch(model, left=left)
    ids, config = batch["input_ids"], model.config
    wanted = config.action_token_id if model.action_token.num_tokens else config.video_token_id
    places = model._action_places(ids)
    assert places.rows_A.tolist() == [0, 1]
    for row, columns in zip(ids, places.columns_AP, strict=True):
        last = (row == wanted).nonzero()[:, 0][-max(1, model.action_token.num_tokens) :]
        assert columns.tolist() == last.tolist()


@pytest.mark.parametrize("supervision", TEACHING)
def test_samples_without_a_video_are_not_read(supervision):
    model = tiny_model(supervision=supervision)
    batch = make_batch(model)
    text = torch.full_like(batch["input_ids"][:1], 7)
    batch["input_ids"] = torch.cat([text, batch["input_ids"]])
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    output = run(model, batch, torch.tensor([[-1, -1, -1], *LABELS.tolist()]))
    assert output.action_rows.tolist() == model.action_samples(batch["input_ids"]).tolist() == [1, 2]
    assert len(output.action_logits.verb) == 2


@pytest.mark.parametrize("supervision", TEACHING)
@pytest.mark.parametrize("layers", SupervisedLayers)
def test_layers_are_those_that_transformers_returns(supervision, layers):
    model = tiny_model(supervision=supervision, supervised_layers=layers)
    batch = make_batch(model)
    output = run(model, batch)
    embeds = model.embed(batch["input_ids"], model.encode_videos(batch["pixel_values_videos"], torch.tensor([2, 3])))
    hidden = model.decoder(
        inputs_embeds=embeds, attention_mask=batch["attention_mask"], output_hidden_states=True
    ).hidden_states
    chosen = {"last_layer": hidden[-1:], "first_layer": hidden[:1], "all_layers": hidden}[layers]
    places = model._action_places(batch["input_ids"])
    logits = [model.action_token(places.take(state)) for state in chosen]
    expected = [loss.mean(None) for loss in class_loss_sums(logits, LABELS, len(chosen))]
    found = [output.verb_loss, output.noun_loss, output.action_loss]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("distillation", [Distillation.FROM_LAST, Distillation.FROM_FIRST])
def test_distillation_draws_the_other_layers_to_its_teacher(distillation):
    model = tiny_model(distillation=distillation)
    output = run(model, make_batch(model))
    states = torch.randn(3, 2, 1, 8, requires_grad=True)
    loss = distillation_sum(states[0], states[1:], 2)
    by_hand = sum(
        (states[0].softmax(-1) * (states[0].log_softmax(-1) - student.log_softmax(-1))).sum() for student in states[1:]
    )
    torch.testing.assert_close(loss.total, by_hand / 2)
    assert loss.num_terms == 2
    loss.total.backward()
    assert not states.grad[0].any() and states.grad[1:].any()
    assert output.distill_loss > 0
    plain = tiny_model()
    added = output.loss - run(plain, make_batch(plain)).loss
    torch.testing.assert_close(added, 0.1 * output.distill_loss, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("layers", SupervisedLayers)
def test_the_reference_average_counts_one_state_more(layers):
    mean = tiny_model(supervised_layers=layers)
    reference = tiny_model(supervised_layers=layers, loss_weights=LossWeights(layer_average=LayerAverage.REFERENCE))
    num_states = 3 if layers is SupervisedLayers.ALL_LAYERS else 1
    ratio = run(reference, make_batch(mean)).verb_loss / run(mean, make_batch(mean)).verb_loss
    assert float(ratio) == pytest.approx(num_states / (num_states + 1), rel=1e-5)


def test_global_counts_divide_every_term():
    model = tiny_model(distillation=Distillation.FROM_LAST)
    batch = make_batch(model)
    own, shared = run(model, batch), run(model, batch, num_action_labels=6, num_action_samples=8)
    assert float(shared.verb_loss / own.verb_loss) == pytest.approx(2 / 6)
    assert float(shared.distill_loss / own.distill_loss) == pytest.approx(2 / 8)


@pytest.mark.parametrize("distillation", Distillation)
def test_gradient_checkpointing_changes_nothing(distillation):
    gradients = []
    for checkpointing in (False, True):
        model = tiny_model(supervised_layers=SupervisedLayers.ALL_LAYERS, distillation=distillation).train()
        if checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        run(model, make_batch(model)).loss.backward()
        gradients.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_what_was_recorded_does_not_stay():
    model = tiny_model(supervised_layers=SupervisedLayers.ALL_LAYERS)
    run(model, make_batch(model))
    assert not any(layer._forward_hooks for layer in model.decoder.layers)


def test_distillation_needs_an_action_token():
    with pytest.raises(ConfigError, match="needs an action token"):
        tiny_model_config(supervision=ActionSupervision.NONE, distillation=Distillation.FROM_LAST)


@pytest.mark.parametrize("mode", [PoolMode.AVERAGE, PoolMode.MAX])
def test_average_and_max_pool_whole_cells(mode):
    patches = torch.arange(25.0).reshape(1, 25, 1)
    pooled = pool_frames(patches, 2, mode)[0, :, :, 0]
    cells = [[patches[0, [5 * r + c, 5 * r + c + 1, 5 * r + c + 5, 5 * r + c + 6], 0] for c in (0, 2)] for r in (0, 2)]
    reduce = torch.mean if mode is PoolMode.AVERAGE else torch.max
    assert pooled.tolist() == [[float(reduce(cell)) for cell in row] for row in cells]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("mode", PoolMode)
def test_text_and_features_agree_for_every_pooling(mode, stride):
    model = tiny_model(pool_mode=mode, pool_stride=stride)
    batch = make_batch(model)
    run(model, batch).loss.backward()
    pooled = {PoolMode.BILINEAR: -(-3 // stride)}.get(mode, 3 // stride)
    assert model.config.token_layout.pooled_per_side == pooled
