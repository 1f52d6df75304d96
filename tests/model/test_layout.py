import pytest
import torch

from llavaction.model.config import NewlinePosition
from llavaction.model.pooling import add_newlines, pool_frames
from llavaction.model.token_layout import TokenLayout


@pytest.mark.parametrize("position", NewlinePosition)
@pytest.mark.parametrize(("side", "stride"), [(27, 2), (6, 2), (5, 2), (3, 1), (5, 3)])
def test_formula_counts_what_the_model_makes(position, side, stride):
    layout = TokenLayout(side, stride, position, 1, video_token_id=8, action_token_id=9)
    pooled = pool_frames(torch.randn(4, side * side, 7), stride)
    sequence = add_newlines(pooled, torch.zeros(7), position)
    assert len(sequence) == layout.num_visual_tokens(4)
    assert layout.placeholders(4) == [8] * len(sequence) + [9]
    assert layout.placeholders(4, has_action_tokens=False) == [8] * len(sequence)


def test_paper_numbers():
    layout = TokenLayout(27, 2, NewlinePosition.GRID, 1, 0, 1)
    assert layout.num_visual_tokens(16) == 3360
    assert layout.num_visual_tokens(64) == 13440


@pytest.mark.parametrize(
    ("position", "places"),
    [
        (NewlinePosition.GRID, [2, 5, 8, 11]),
        (NewlinePosition.FRAME, [4, 9]),
        (NewlinePosition.ONE_TOKEN, [8]),
    ],
)
def test_newline_places(position, places):
    frames = torch.arange(1, 9).reshape(2, 2, 2, 1).float()
    sequence = add_newlines(frames, torch.zeros(1), position).flatten()
    assert (sequence == 0).nonzero().flatten().tolist() == places
    assert sequence[sequence != 0].tolist() == list(range(1, 9))


def test_pooling_keeps_rows_and_columns_apart():
    rows = torch.arange(6.0).repeat_interleave(6)
    pooled = pool_frames(rows[None, :, None], 2)[0, :, :, 0]
    assert torch.allclose(pooled[:, 0], torch.tensor([0.5, 2.5, 4.5]))
    assert torch.allclose(pooled[0], torch.tensor([0.5, 0.5, 0.5]))


@pytest.mark.parametrize("position", NewlinePosition)
@pytest.mark.parametrize("side", [1, 2, 5])
def test_pooled_places_are_what_stands_between_newlines(position, side):
    frames = torch.arange(1, 3 * side * side + 1).reshape(3, side, side, 1).float()
    sequence = add_newlines(frames, torch.zeros(1), position).flatten()
    layout = TokenLayout(side, 1, position, 1, 0, 1)
    assert sequence[layout.pooled_places(3)].tolist() == frames.flatten().tolist()
    assert len(layout.pooled_places(3)) == int((sequence > 0).sum())
