"""How public checkpoints say what pictures become, both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.model.config import PictureMode
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.picture_layout import PictureLayout, all_grids
from llavaction.model.public.pictures import parse_pictures, picture_fields, public_pictures
from llavaction.processing.processor import Processor
from llavaction.utils.errors import ConfigError
from llavaction.utils.jsonl import read_json
from tests.model.public_folders import change_config, convert, same_bytes, weights_of, write_ours, write_public

# As it stands in the published files: width and height.
PUBLISHED = [[width, height] for width in range(384, 2305, 384) for height in range(384, 2305, 384)]
NARROW = [[24, 12], [12, 12]]


def fields(word, pinpoints=...):
    return {"image_aspect_ratio": word} | ({} if pinpoints is ... else {"image_grid_pinpoints": pinpoints})


def test_the_published_models():
    layout = parse_pictures(fields("anyres_max_9", PUBLISHED), 384)
    assert (layout.mode, layout.tile_size, layout.max_tiles) == (PictureMode.ANYRES, 384, 9)
    assert sorted(layout.grids) == list(all_grids())
    assert picture_fields(layout) == fields("anyres_max_9", PUBLISHED)
    # What training scripts are given, and what they fill in, are the same.
    for pinpoints in (
        "(1x1),...,(6x6)",
        "(1x1), ..., (6x6)",
        str(PUBLISHED),
        str(PUBLISHED).replace("[", "(").replace("]", ")"),
    ):
        assert parse_pictures(fields("anyres_max_9", pinpoints), 384) == layout
    assert parse_pictures(fields("anyres_max_9"), 384) == public_pictures(384)


@pytest.mark.parametrize(
    ("word", "layout"),
    [
        ("square", PictureLayout(PictureMode.WHOLE)),
        ("pad", PictureLayout(PictureMode.WHOLE_PADDED)),
        ("anyres", PictureLayout(PictureMode.ANYRES, 12, ((1, 2), (1, 1)), 0)),
        ("anyres_max_4", PictureLayout(PictureMode.ANYRES, 12, ((1, 2), (1, 1)), 4)),
    ],
)
def test_words_are_read_and_written(word, layout):
    pinpoints = NARROW if "anyres" in word else ...
    assert parse_pictures(fields(word, pinpoints), 12) == layout
    assert picture_fields(layout) == fields(word, pinpoints)


def test_without_a_word_pictures_are_squares():
    assert parse_pictures({}, 384) == parse_pictures(fields(None), 384) == PictureLayout(PictureMode.WHOLE)
    with pytest.raises(ConfigError, match="pictures = as_video: the public format has no word"):
        picture_fields(PictureLayout())


@pytest.mark.parametrize("word", ["highres", "anyres_max_0", "anyres_max_", "anyres_max_9x", "as_video"])
def test_words_that_are_not_known(word):
    with pytest.raises(ConfigError, match=f"image_aspect_ratio = '{word}': known are"):
        parse_pictures(fields(word), 384)


@pytest.mark.parametrize(
    "pinpoints", [[], [[384]], [[384, 400]], [[0, 384]], [[384, "384"]], "(2x2),...,(1x1)", "[[384, 768]", "tiles", 384]
)
def test_grids_that_are_not_tiles(pinpoints):
    with pytest.raises(ConfigError, match=r"image_grid_pinpoints = .*: expected pairs of width and height"):
        parse_pictures(fields("anyres_max_9", pinpoints), 384)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "said", [fields("anyres_max_4", NARROW), fields("anyres", "(1x1),...,(2x3)"), fields("pad"), fields(..., ...)]
)
def test_a_checkpoint_goes_both_ways(tmp_path: Path, said: dict) -> None:
    source = write_public(tmp_path / "public")
    change_config(source, **{"image_grid_pinpoints": ..., **said})
    convert(source, tmp_path / "ours")
    layout = LlavactionConfig.from_pretrained(tmp_path / "ours").token_layout
    assert Processor.load(tmp_path / "ours").config.layout == layout
    assert layout.pictures == parse_pictures({k: v for k, v in said.items() if v is not ...}, 12)
    report = convert(tmp_path / "ours", tmp_path / "back")
    assert report.notes == ()
    assert read_json(tmp_path / "back" / "config.json") == read_json(source / "config.json")
    assert same_bytes(weights_of(source), weights_of(tmp_path / "back"))


@pytest.mark.thorough
@pytest.mark.parametrize("mode", PictureMode)
def test_ours_goes_both_ways(tmp_path: Path, mode: PictureMode) -> None:
    source = write_ours(tmp_path / "ours", pictures=mode, picture_tiles=4)
    report = convert(source, tmp_path / "public")
    convert(tmp_path / "public", tmp_path / "again")
    before, after = (LlavactionConfig.from_pretrained(tmp_path / name).picture_layout for name in ("ours", "again"))
    if mode is PictureMode.AS_VIDEO:
        # There is no word for it: the file says what public models were trained with.
        assert report.notes[0].startswith("the model sees pictures as videos of one frame")
        assert after == public_pictures(12)
    else:
        assert report.notes == () and before == after


@pytest.mark.thorough
@pytest.mark.parametrize("mode", PictureMode)
def test_another_way_can_be_wanted(tmp_path: Path, mode: PictureMode) -> None:
    source = write_public(tmp_path / "public")
    change_config(source, **fields("anyres_max_4", NARROW))
    convert(source, tmp_path / "ours", pictures=mode)
    layout = LlavactionConfig.from_pretrained(tmp_path / "ours").picture_layout
    assert layout.mode is mode
    if mode is PictureMode.ANYRES:
        assert layout.grids == ((1, 2), (1, 1))
    convert(tmp_path / "ours", tmp_path / "back")
    word = {"whole": "square", "whole_padded": "pad"}.get(mode, "anyres_max_4")
    assert read_json(tmp_path / "back" / "config.json")["image_aspect_ratio"] == word


def test_merge_types_are_the_published_one_alone(tmp_path: Path) -> None:
    source = write_public(tmp_path / "public")
    change_config(source, mm_patch_merge_type="flat")
    with pytest.raises(ConfigError, match="mm_patch_merge_type = 'flat': only 'spatial_unpad'"):
        convert(source, tmp_path / "ours")
