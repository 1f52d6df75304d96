"""Pictures as views: resized, padded, cut into tiles; and as a part of samples, batches and checkpoints."""

import numpy as np
import pytest
import torch
from PIL import Image

from llavaction.model.config import IGNORE, PictureMode
from llavaction.model.picture_layout import NO_PICTURE, PictureLayout, all_grids
from llavaction.processing.batch import Collator, model_arguments, pad_rows
from llavaction.processing.images import prepare_frames
from llavaction.processing.pictures import show_media, show_picture
from llavaction.processing.processor import Processor, media_kinds
from llavaction.sft.samples import MediaKind
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import CheckpointError
from llavaction.utils.jsonl import read_json, write_json

ANYRES = PictureLayout(PictureMode.ANYRES, 12, all_grids(), 9)
COLOURS = np.random.default_rng(0).integers(0, 256, (1, 30, 20, 3), np.uint8)


def levels(pixels_T3HW):
    """Colours from 0 to 255, colour last."""
    assert pixels_T3HW.dtype == torch.uint8
    return pixels_T3HW.permute(0, 2, 3, 1).numpy()


def resized(picture, height, width):
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def test_whole_pictures_are_made_square():
    shown = show_picture(COLOURS[0], PictureLayout(PictureMode.WHOLE), 12, is_alone=True)
    assert shown.picture_size == (30, 20) and shown.pixels.shape == (1, 3, 12, 12)
    assert np.array_equal(levels(shown.pixels)[0], resized(COLOURS[0], 12, 12))


def test_padded_pictures_keep_their_shape_between_grey_bars():
    shown = show_picture(COLOURS[0, :, :19], PictureLayout(PictureMode.WHOLE_PADDED), 30, is_alone=True)
    (picture,) = levels(shown.pixels)
    assert np.array_equal(picture[:, 5:24], COLOURS[0, :, :19])
    assert (picture[:, :5] == 127).all() and (picture[:, 24:] == 127).all()


def test_tiles_make_up_the_picture_between_black_bars():
    shown = show_picture(COLOURS[0], ANYRES, 12, is_alone=True)
    assert ANYRES.best_grid((30, 20)) == (3, 2) and shown.pixels.shape == (7, 3, 12, 12)
    whole, *tiles = levels(shown.pixels)
    assert np.array_equal(whole, resized(COLOURS[0], 12, 12))
    picture = np.concatenate([np.concatenate(tiles[row : row + 2], axis=1) for row in (0, 2, 4)])
    # 36 x 24 for 30 x 20: no bars. Of a narrower one they are equal, or the right one is wider.
    assert np.array_equal(picture, resized(COLOURS[0], 36, 24))
    narrow = show_picture(COLOURS[0, :, :17], ANYRES, 12, is_alone=True)
    _, *tiles = levels(narrow.pixels)
    picture = np.concatenate([np.concatenate(tiles[row : row + 2], axis=1) for row in (0, 2, 4)])
    assert np.array_equal(picture[:, 1:22], resized(COLOURS[0, :, :17], 36, 21))
    assert not picture[:, :1].any() and not picture[:, 22:].any()


@pytest.mark.parametrize("mode", PictureMode)
def test_videos_are_frames_in_every_way(mode):
    layout = PictureLayout(mode, 12, all_grids(), 9)
    video = np.concatenate([COLOURS, COLOURS])
    shown = show_media([video, COLOURS], [MediaKind.VIDEO, MediaKind.IMAGE], layout, 12)
    assert torch.equal(shown[0].pixels, prepare_frames(video, 12)) and shown[0].picture_size is None
    assert len(shown[1].pixels) == (7 if mode is PictureMode.ANYRES else 1)
    assert len(shown[1].pixels) == layout.num_views((30, 20), is_alone=True)
    assert shown[1].picture_size == (None if mode is PictureMode.AS_VIDEO else (30, 20))
    if mode is PictureMode.AS_VIDEO:
        assert torch.equal(shown[1].pixels, prepare_frames(COLOURS, 12))


def test_several_pictures_are_whole_and_padded():
    padded = show_picture(COLOURS[0], PictureLayout(PictureMode.WHOLE_PADDED), 12, is_alone=True)
    for shown in show_media([COLOURS, COLOURS], [MediaKind.IMAGE] * 2, ANYRES, 12):
        assert torch.equal(shown.pixels, padded.pixels) and shown.picture_size == (30, 20)
        assert ANYRES.num_views((30, 20), is_alone=False) == 1


@pytest.mark.parametrize("mode", PictureMode)
def test_a_processor_is_saved_with_its_way(mode, tmp_path):
    processor = tiny_processor(tiny_model(pictures=mode, picture_tiles=3))
    processor.save(tmp_path)
    assert Processor.load(tmp_path).config == processor.config
    row = read_json(tmp_path / "processor.json")
    del row["layout"]["pictures"]
    write_json(tmp_path / "processor.json", row)
    assert Processor.load(tmp_path).config.layout.pictures == PictureLayout()
    row["layout"]["pictures"] = {"mode": "anyrez", "tile_size": 12, "grids": [], "max_tiles": 0}
    write_json(tmp_path / "processor.json", row)
    with pytest.raises(CheckpointError, match=r"processor\.json: .*anyrez"):
        Processor.load(tmp_path)


@pytest.fixture(scope="module", params=[PictureMode.WHOLE, PictureMode.ANYRES])
def model(request):
    return tiny_model(pictures=request.param, picture_tiles=1)


@pytest.fixture(scope="module")
def examples(model, mixed):
    """Every kind of sample; pictures are of different shapes."""
    processor, made = tiny_processor(model), []
    for number, sample in enumerate(mixed):
        shapes = [(1, 20, 30 + number) if kind is MediaKind.IMAGE else (2, 24, 32) for kind in media_kinds(sample)]
        media = [np.random.default_rng(number).integers(0, 256, (*shape, 3), np.uint8) for shape in shapes]
        made.append(processor.example(sample, media))
    return made


def test_a_batch_of_all_kinds_is_the_sum_of_its_samples(model, examples):
    collator = Collator(pad_id=0, resolution=12)
    counts = {"num_items_in_batch": 100, "num_action_labels": 1}

    def loss_and_gradient(chosen):
        output = model(**model_arguments(collator(chosen)), **counts)
        model.zero_grad()
        output.loss.backward()
        return output.loss.item(), model.newline.grad.clone(), model.projector.linear_1.weight.grad.clone()

    together = loss_and_gradient(examples)
    alone = [loss_and_gradient([example]) for example in examples]
    for number, expected in enumerate(together):
        total = sum(parts[number] for parts in alone)
        assert torch.allclose(torch.as_tensor(total), torch.as_tensor(expected), atol=1e-5)
    batch = collator(examples)
    assert len(batch["picture_sizes"]) == len(batch["num_frames_per_video"])
    assert (batch["picture_sizes"] == 0).all(1).tolist() == [
        size == NO_PICTURE for example in examples for size in example.picture_sizes
    ]


def test_generation_beside_others_is_as_alone(model, examples):
    collator = Collator(pad_id=0, resolution=12)

    def generate(chosen):
        prompts = [example.input_ids[: int((example.labels != IGNORE).nonzero()[0])] for example in chosen]
        ids, mask = pad_rows(prompts, 0, left=True)
        batch = collator(chosen)
        visual = {name: batch[name] for name in ("pixel_values_videos", "num_frames_per_video", "picture_sizes")}
        made = model.generate(ids, attention_mask=mask, **visual, max_new_tokens=4, do_sample=False, eos_token_id=None)
        return made[:, ids.shape[1] :].tolist()

    assert generate(examples) == [generate([example])[0] for example in examples]


def test_nothing_shown_has_no_sizes(examples):
    text = examples[-1]
    batch = Collator(pad_id=0, resolution=12)([text, text])
    assert batch["picture_sizes"].shape == (0, 2) and batch["picture_sizes"].dtype == torch.long
