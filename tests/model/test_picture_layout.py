"""Which tiles and patches of a picture are kept, and that text and model count them alike."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.image_processing_utils import select_best_resolution

from llavaction.model.build import load_model, train_on
from llavaction.model.config import ModelConfig, NewlinePosition, PictureMode
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.picture_layout import NO_PICTURE, PictureLayout, all_grids, fitted
from llavaction.model.token_layout import TokenLayout
from llavaction.model.visual_sequence import visual_sequences
from llavaction.testing.tiny import tiny_model
from llavaction.utils.errors import ConfigError
from tests.properties import reproducible

PUBLIC = PictureLayout(PictureMode.ANYRES, 384, all_grids(), 9)
SIDES = st.integers(1, 5000)


def layout_of(pictures, side=5):
    return TokenLayout(side, 2, NewlinePosition.GRID, 1, 90, 91, pictures=pictures)


@reproducible
@given(st.tuples(SIDES, SIDES))
def test_the_grid_is_the_public_one(size):
    pinpoints = [(rows * 384, columns * 384) for rows, columns in all_grids()]
    rows, columns = PUBLIC.best_grid(size)
    assert (rows * 384, columns * 384) == select_best_resolution(size, pinpoints)
    # Public files list width before height; the choice is the same.
    assert (columns * 384, rows * 384) == select_best_resolution(size[::-1], pinpoints)


@reproducible
@given(st.tuples(SIDES, SIDES), st.integers(0, 9), st.integers(1, 5))
def test_text_and_model_count_alike(size, max_tiles, side):
    pictures = PictureLayout(PictureMode.ANYRES, 20, all_grids(4), max_tiles)
    layout = layout_of(pictures, side)
    rows, columns = pictures.best_grid(size)
    views = 1 + rows * columns
    patches = torch.randn(views + 2, side**2, 3)
    sequence = visual_sequences(patches, torch.zeros(3), layout, [views, 2], [size, NO_PICTURE])
    num_tokens = layout.num_visual_tokens(views, size)
    assert len(sequence) == num_tokens + layout.num_visual_tokens(2)
    assert layout.placeholders(views, False, size) == [90] * num_tokens
    patch_map = pictures.patch_map(size, side)
    if max_tiles:
        # Sides are cut only above 1.1 times the limit.
        assert patch_map.rows * patch_map.columns <= 1.21 * max_tiles * side**2 or 1 in patch_map[3:]
    else:
        assert (patch_map.rows, patch_map.columns) == (
            rows * side - 2 * patch_map.top,
            columns * side - 2 * patch_map.left,
        )


def test_numbers_of_real_pictures():
    layout = layout_of(PUBLIC, side=27)
    # height, width: grid, patches kept, tokens. The whole picture has 729.
    for size, grid, kept in [
        ((336, 336), (1, 1), (27, 27)),
        ((480, 640), (2, 2), (40, 54)),
        ((720, 1280), (2, 4), (54, 96)),
        ((3024, 4032), (5, 6), (70, 93)),
    ]:
        patch_map = PUBLIC.patch_map(size, 27)
        assert (patch_map.grid, patch_map[3:]) == (grid, kept)
        assert layout.num_visual_tokens(1 + grid[0] * grid[1], size) == 729 + kept[0] * (kept[1] + 1)
    assert layout.num_visual_tokens(1, (480, 640)) == 730


def test_places_of_patches_and_newlines():
    """A picture of two tiles beside each other with bars above and below; each patch is its number."""
    layout = layout_of(PictureLayout(PictureMode.ANYRES, 12, ((1, 2),), 0), side=3)
    patches = torch.arange(1.0, 28.0).reshape(3, 9, 1)
    sequence = visual_sequences(patches, torch.zeros(1), layout, [3], [(4, 24)]).flatten().tolist()
    assert sequence == [*range(1, 10), 13, 14, 15, 22, 23, 24, 0]


def test_a_whole_picture_has_all_patches_and_a_newline():
    patches = torch.arange(1.0, 26.0).reshape(1, 25, 1)
    layout = layout_of(PictureLayout(PictureMode.WHOLE))
    sequence = visual_sequences(patches, torch.zeros(1), layout, [1], [(40, 30)])
    assert sequence.flatten().tolist() == [*range(1, 26), 0]


def test_views_that_are_not_those_of_the_size():
    layout = layout_of(PictureLayout(PictureMode.ANYRES, 20, all_grids(), 9))
    with pytest.raises(ValueError, match="a picture of 20 x 60 pixels has 1 x 3 tiles, but 2 were given"):
        visual_sequences(torch.zeros(3, 25, 1), torch.zeros(1), layout, [3], [(20, 60)])


@reproducible
@given(st.tuples(SIDES, SIDES), st.sampled_from(all_grids()))
def test_a_fitted_picture_fills_one_side(size, grid):
    area = (grid[0] * 384, grid[1] * 384)
    height, width = fitted(size, area)
    assert 0 < height <= area[0] and 0 < width <= area[1] and (height == area[0] or width == area[1])
    scale = min(area[0] / size[0], area[1] / size[1])
    assert abs(height - size[0] * scale) <= 1 and abs(width - size[1] * scale) <= 1


@pytest.mark.parametrize(
    "changes", [{"grids": ()}, {"grids": ((0, 1),)}, {"grids": ((1, 2, 3),)}, {"tile_size": 0}, {"max_tiles": -1}]
)
def test_layouts_that_cannot_be(changes):
    arguments = {"mode": PictureMode.ANYRES, "tile_size": 384, "grids": all_grids(), "max_tiles": 9}
    with pytest.raises(ConfigError, match="anyres with"):
        PictureLayout(**{**arguments, **changes})


@pytest.mark.parametrize("mode", PictureMode)
def test_a_checkpoint_keeps_its_way_and_older_ones_see_videos(mode, tmp_path):
    model = tiny_model(pictures=mode, picture_tiles=4)
    model.save_pretrained(tmp_path)
    config = load_model(tmp_path, dtype="float32", attention="sdpa").config
    pictures = config.token_layout.pictures
    assert pictures == model.config.token_layout.pictures and pictures.mode is mode
    if mode is PictureMode.ANYRES:
        assert pictures == PictureLayout(mode, 12, all_grids(), 4)
    old = {name: value for name, value in model.config.to_dict().items() if not name.startswith("picture")}
    assert LlavactionConfig(**old).token_layout.pictures == PictureLayout()


def test_unknown_words():
    with pytest.raises(ValueError, match="'anyrez' is not a valid PictureMode"):
        LlavactionConfig(pictures="anyrez")
    with pytest.raises(ConfigError, match=r"model\.picture_tiles = -1"):
        ModelConfig(picture_tiles=-1)


def test_training_does_not_change_a_checkpoint_s_way():
    model = tiny_model(pictures=PictureMode.WHOLE)
    train_on(model, ModelConfig(checkpoint="saved"))
    assert model.config.pictures == "whole"
    with pytest.raises(ConfigError, match=r"model\.pictures = anyres, but saved was made with whole"):
        train_on(model, ModelConfig(checkpoint="saved", pictures=PictureMode.ANYRES))
