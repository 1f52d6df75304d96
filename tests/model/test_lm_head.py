"""The loss in chunks is the loss of all scores at once, whatever stands in the head's place."""

import copy
import sys
import types

import pytest
import torch
from torch import nn
from torch.nn import functional

from llavaction.model.config import LossKernel
from llavaction.model.lm_head import LmHead, head_loss_sum
from llavaction.utils.errors import ConfigError
from tests.model.memory import peak_bytes

WIDTH, WORDS, LABELS = 24, 301, 13
CHUNKED, DENSE = LossKernel.CHUNKED, LossKernel.DENSE


class Wrapped(nn.Module):
    """A head with a low-rank addition, as LoRA makes it: its base is frozen."""

    def __init__(self):
        super().__init__()
        self.base_layer = LmHead(WIDTH, WORDS).requires_grad_(False)
        self.down, self.up = nn.Linear(WIDTH, 2, bias=False), nn.Linear(2, WORDS, bias=False)

    def forward(self, hidden):
        return self.base_layer(hidden) + self.up(self.down(hidden))


@pytest.fixture
def hidden():
    return torch.randn(LABELS, WIDTH, requires_grad=True)


@pytest.fixture
def targets():
    return torch.randint(WORDS, (LABELS,))


def gradients(head, hidden, targets, kernel, chunk=5, scale=0.3):
    """The loss, and the gradients of `scale` times it for hidden states and all weights that train."""
    weights = [hidden, *(weight for weight in head.parameters() if weight.requires_grad)]
    loss = head_loss_sum(head, hidden, targets, kernel, chunk)
    return [loss.detach(), *torch.autograd.grad(loss * scale, weights)]


def assert_close(values, expected, tolerance):
    for value, other in zip(values, expected, strict=True):
        assert value.dtype == other.dtype
        assert (value - other).float().norm() <= tolerance * other.float().norm()


@pytest.mark.parametrize("chunk", [1, 5, LABELS, 1000])
@pytest.mark.parametrize(
    "head", [LmHead(WIDTH, WORDS), Wrapped(), nn.Linear(WIDTH, WORDS)], ids=["own", "lora", "bias"]
)
def test_chunks_change_nothing(head, hidden, targets, chunk):
    expected = functional.cross_entropy(head(hidden), targets, reduction="sum")
    chunked = gradients(head, hidden, targets, CHUNKED, chunk)
    assert torch.allclose(chunked[0], expected, rtol=1e-6)
    assert_close(chunked, gradients(head, hidden, targets, DENSE), 1e-6)


def test_large_scores_do_not_overflow(hidden, targets):
    head = LmHead(WIDTH, WORDS)
    nn.init.normal_(head.weight, std=100)
    assert_close(gradients(head, hidden, targets, CHUNKED), gradients(head, hidden, targets, DENSE), 1e-5)


@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision_is_as_close_as_without_chunks(hidden, targets, autocast):
    head = LmHead(WIDTH, WORDS)
    exact = gradients(head, hidden, targets, DENSE)
    if not autocast:
        head, hidden = head.bfloat16(), hidden.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        chunked, dense = (gradients(head, hidden, targets, kernel) for kernel in (CHUNKED, DENSE))
    for value, other, truth in zip(chunked, dense, exact, strict=True):
        assert value.dtype == other.dtype
        assert (value - truth).norm() <= 1.3 * (other - truth).norm() + 1e-3 * truth.norm()
    assert_close(chunked, dense, 1e-2)


def test_a_frozen_head_gets_no_gradient_and_costs_none(hidden, targets):
    head = LmHead(WIDTH, WORDS)
    trained = peak_bytes(lambda: gradients(head, hidden, targets, CHUNKED))
    expected = gradients(head, hidden, targets, DENSE)[:2]
    head.requires_grad_(False)
    assert_close(gradients(head, hidden, targets, CHUNKED), expected, 1e-6)
    frozen = peak_bytes(lambda: gradients(head, hidden, targets, CHUNKED))
    assert frozen <= trained - head.weight.nbytes
    assert head.weight.grad is None


@pytest.mark.parametrize("frozen", [False, True])
def test_one_chunk_of_scores_exists_at_a_time(frozen):
    words, chunk = 20_000, 8
    head = LmHead(WIDTH, words).requires_grad_(not frozen)
    hidden, targets = torch.randn(10 * chunk, WIDTH, requires_grad=True), torch.randint(words, (10 * chunk,))
    peak = peak_bytes(lambda: gradients(head, hidden, targets, CHUNKED, chunk))
    one_chunk = chunk * words * 4
    expected = one_chunk + (0 if frozen else head.weight.nbytes)
    assert one_chunk < peak < expected + 0.1 * one_chunk
    assert peak_bytes(lambda: gradients(head, hidden, targets, DENSE)) > 10 * one_chunk


def test_a_head_can_be_used_more_than_once(hidden, targets):
    """Two losses and plain scores from one weight, and a second backward pass."""
    results = []
    for kernel in (CHUNKED, DENSE):
        torch.manual_seed(0)
        head = LmHead(WIDTH, WORDS)
        first = head_loss_sum(head, hidden, targets, kernel, 4)
        second = head_loss_sum(head, 2 * hidden, targets.flip(0), kernel, 6)
        total = first + 3 * second + head(hidden).square().mean()
        total.backward(retain_graph=True)
        first.backward()
        results.append([head.weight.grad, hidden.grad])
        hidden.grad = None
    assert_close(*results, 1e-6)


@pytest.mark.parametrize(
    ("head", "kernel"),
    [*((LmHead(WIDTH, WORDS), kernel) for kernel in LossKernel), (Wrapped(), CHUNKED), (Wrapped(), DENSE)],
    ids=str,
)
def test_without_labels_there_is_a_graph_and_no_loss(head, kernel):
    hidden = torch.randn(0, WIDTH, requires_grad=True)
    loss, *grads = gradients(head, hidden, torch.empty(0, dtype=torch.long), kernel)
    assert loss == 0 and grads and not any(grad.any() for grad in grads)


def test_nothing_is_kept_where_no_gradient_is_wanted(hidden, targets):
    head = LmHead(WIDTH, WORDS)
    with torch.no_grad():
        loss = head_loss_sum(head, hidden, targets, CHUNKED, 4)
    assert loss.grad_fn is None


def test_liger_gets_what_its_loss_takes(hidden, targets, monkeypatch):
    """Its interface, as it is documented: the weight, then the hidden states, then the targets."""

    class LigerFusedLinearCrossEntropyLoss:
        def __init__(self, reduction):
            self.reduction = reduction

        def __call__(self, lin_weight, _input, target):
            return functional.cross_entropy(_input @ lin_weight.T, target, reduction=self.reduction)

    package = types.SimpleNamespace(LigerFusedLinearCrossEntropyLoss=LigerFusedLinearCrossEntropyLoss)
    monkeypatch.setitem(sys.modules, "liger_kernel", types.SimpleNamespace(transformers=package))
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers", package)
    head = LmHead(WIDTH, WORDS)
    assert_close(gradients(head, hidden, targets, LossKernel.LIGER), gradients(head, hidden, targets, DENSE), 1e-6)


def test_a_wrapped_head_cannot_be_fused(hidden, targets):
    with pytest.raises(ConfigError, match=r"liger needs a plain LM head, this model has Wrapped"):
        head_loss_sum(Wrapped(), hidden, targets, LossKernel.LIGER, 4)


def test_partitioned_weights_are_called_once(hidden, targets):
    """Processes of ZeRO-3 must call a module equally often, and may differ in labels."""
    head = Wrapped()
    plain = copy.deepcopy(head)
    calls = []
    head.register_forward_hook(lambda *_: calls.append(1))
    for parameter in head.parameters():
        parameter.ds_id = 0
    expected = gradients(plain, hidden, targets, DENSE)
    assert_close(gradients(head, hidden, targets, CHUNKED, 2), expected, 1e-6)
    assert len(calls) == 1
