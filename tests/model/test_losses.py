import torch
from torch.nn import functional

from llavaction.model.action_token import ActionLogits
from llavaction.model.losses import class_loss_sums, lm_loss_sum


def test_lm_loss_is_the_shifted_cross_entropy():
    hidden, head = torch.randn(2, 5, 8), torch.nn.Linear(8, 11)
    labels = torch.tensor([[-100, 3, -100, 4, 5], [-100, -100, -100, -100, 0]])
    loss = lm_loss_sum(hidden, labels, head)
    dense = functional.cross_entropy(head(hidden)[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
    assert torch.allclose(loss.total, dense)
    assert loss.num_terms == 4


def test_no_label_no_loss_but_a_graph():
    hidden = torch.randn(1, 3, 8, requires_grad=True)
    loss = lm_loss_sum(hidden, torch.full((1, 3), -100), torch.nn.Linear(8, 11)).mean(None)
    loss.backward()
    assert loss == 0 and hidden.grad.abs().sum() == 0


def test_global_count_replaces_the_own():
    hidden, head = torch.randn(1, 3, 8), torch.nn.Linear(8, 11)
    loss = lm_loss_sum(hidden, torch.tensor([[-100, 1, 2]]), head)
    assert torch.allclose(loss.mean(8), loss.total / 8)
    assert torch.allclose(loss.mean(None), loss.total / 2)


def test_class_losses_leave_samples_without_label_out():
    logits = ActionLogits(torch.randn(3, 4), torch.randn(3, 5), torch.randn(3, 6))
    labels = torch.tensor([[0, 1, 2], [-1, -1, -1], [3, 4, 5]])
    for i, (loss, scores) in enumerate(zip(class_loss_sums([logits], labels, 1), logits, strict=True)):
        expected = functional.cross_entropy(scores[[0, 2]], labels[[0, 2], i], reduction="sum")
        assert torch.allclose(loss.total, expected)
        assert loss.num_terms == 2
