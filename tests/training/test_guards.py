import pytest
import torch
from accelerate import Accelerator

from llavaction.processing.batch import Skipped
from llavaction.testing.tiny import tiny_model
from llavaction.training.guards import TOLERATED_OVERFLOWS, DivergenceError, StepGuard, take_batches
from llavaction.utils.errors import VideoError

BAD = [Skipped(name, 0, "cannot be decoded") for name in "abc"]


@pytest.fixture
def model():
    """A tiny model, every weight of which has a gradient of ones."""
    model = tiny_model()
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    return model


def make_guard(model, **options):
    return StepGuard(Accelerator(), model, **{"fp16": False, **options})


def check(guard, model, *losses, max_norm=1.0):
    for number, loss in enumerate(losses):
        guard.note([f"s{number}"], torch.tensor(loss), {"lm_loss": torch.tensor(loss), "verb_loss": torch.tensor(0.5)})
    return guard.clip(7, model, max_norm)


def test_batches_of_a_step_and_what_they_go_without():
    batches = iter([{"skipped": BAD[:1]}, {"skipped": []}, {"skipped": BAD[1:]}, {"skipped": BAD}])
    assert take_batches(Accelerator(), batches, 3) == (
        [{"skipped": BAD[:1]}, {"skipped": []}, {"skipped": BAD[1:]}],
        BAD,
    )
    assert take_batches(Accelerator(), batches, 3) == ([{"skipped": BAD}], BAD)
    assert take_batches(Accelerator(), batches, 3) == ([], [])


def test_an_error_in_loading_is_passed_on():
    def batches():
        yield {"skipped": []}
        raise VideoError("P01_01.MP4: cannot be decoded")

    with pytest.raises(VideoError, match=r"^P01_01\.MP4: cannot be decoded$"):
        take_batches(Accelerator(), batches(), 2)


@pytest.mark.parametrize("max_norm", [1.0, float("inf")])
def test_gradients_are_clipped_as_torch_does(model, max_norm):
    expected = tiny_model()
    for weight in expected.parameters():
        weight.grad = torch.ones_like(weight)
    norm = torch.nn.utils.clip_grad_norm_(expected.parameters(), max_norm)
    assert check(make_guard(model), model, 1.0, 2.0, max_norm=max_norm) == norm
    for weight, other in zip(model.parameters(), expected.parameters(), strict=True):
        assert torch.equal(weight.grad, other.grad)


def test_a_step_without_batches_has_no_norm(model):
    assert make_guard(model).clip(7, model, 1.0) == 0.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_bad_loss_names_step_samples_and_terms(model, value):
    with pytest.raises(DivergenceError) as error:
        check(make_guard(model), model, 1.0, value, 2.0)
    assert f"step 7: the loss is not finite in 1 of its batches: samples ['s1'] on process 0 (lm_loss {value}," in str(
        error.value
    )
    assert "verb_loss 0.5). All weights are finite: lower train.lr" in str(error.value)


def test_only_the_first_bad_batches_are_named(model):
    with pytest.raises(DivergenceError, match=r"in 6 of its batches: samples \['s0'\].*; and 2 more\. ") as error:
        check(make_guard(model), model, *[float("nan")] * 6)
    assert "'s3'" in str(error.value) and "'s4'" not in str(error.value)


def test_bad_weights_are_named(model):
    with torch.no_grad():
        model.newline[0] = float("nan")
    with pytest.raises(DivergenceError, match=r"1 of the weights are not finite themselves \(first newline\)"):
        check(make_guard(model), model, float("nan"))


def test_bad_gradients_name_their_parts_as_they_were_before_clipping(model):
    model.action_token.verb_head.weight.grad[0, 0] = float("nan")
    model.projector.linear_1.bias.grad[0] = float("inf")
    with pytest.raises(DivergenceError) as error:
        check(make_guard(model), model, 1.0)
    text = str(error.value)
    assert text.startswith("step 7: all losses are finite, but the norm of the gradients is nan: not finite in ")
    assert "projector (1 of 5 weights, first projector.linear_1.bias)" in text
    assert "action (1 of 4 weights, first action_token.verb_head.weight)" in text
    assert "vision (" not in text and "decoder (" not in text


def test_gradients_whose_squares_are_too_large(model):
    model.newline.grad.fill_(1e30)
    with pytest.raises(DivergenceError, match=r"each is finite.* the largest by part: projector 1e\+30, "):
        check(make_guard(model), model, 1.0)


def test_float16_may_lose_steps_to_its_scale_but_not_all(model):
    guard = make_guard(model, fp16=True)
    good = torch.ones_like(model.newline)
    for _ in range(2):
        for _ in range(TOLERATED_OVERFLOWS):
            model.newline.grad = good * float("inf")
            check(guard, model, 1.0)
        for weight in model.parameters():
            weight.grad = torch.ones_like(weight)
        check(guard, model, 1.0)
    with pytest.raises(DivergenceError):
        for _ in range(TOLERATED_OVERFLOWS + 1):
            model.newline.grad = good * float("inf")
            check(guard, model, 1.0)


def test_float16_has_no_excuse_for_a_bad_loss(model):
    with pytest.raises(DivergenceError):
        check(make_guard(model, fp16=True), model, float("nan"))
