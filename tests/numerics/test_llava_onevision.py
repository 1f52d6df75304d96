"""Videos and pictures as transformers' LLaVA-OneVision sees them: the same weights, the same logits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration, Qwen2Config, SiglipVisionConfig
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.llava_onevision.modeling_llava_onevision import unpad_image

from llavaction.model.config import PictureMode
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.model.picture_layout import PictureLayout, all_grids
from llavaction.model.vision import normalise
from llavaction.processing.batch import pad_rows
from llavaction.processing.pictures import show_media
from llavaction.sft.samples import MediaKind
from tests.properties import reproducible

SIDE, PATCH, TILES = 20, 4, 4
IMAGE, VIDEO = 90, 91
PINPOINTS = [[rows * SIDE, columns * SIDE] for rows, columns in all_grids()]
# Height and width: every kind of grid, with bars on either side, with and without being made smaller.
SIZES = [(20, 20), (9, 14), (31, 47), (90, 33), (25, 118), (67, 66), (300, 411), (1, 50), (640, 480)]
NAMES = {
    "model.vision_tower.": "vision.tower.",
    "model.multi_modal_projector.": "projector.",
    "model.image_newline": "newline",
    "model.language_model.": "decoder.",
    "lm_head.": "lm_head.",
}


@pytest.fixture(scope="module")
def theirs():
    vision = SiglipVisionConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=PATCH,
        vision_use_head=False,
    )
    text = Qwen2Config(
        vocab_size=92,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=2048,
    )
    config = LlavaOnevisionConfig(
        vision_config=vision,
        text_config=text,
        vision_feature_layer=-2,
        vision_aspect_ratio=f"anyres_max_{TILES}",
        image_grid_pinpoints=PINPOINTS,
        image_token_index=IMAGE,
        video_token_index=VIDEO,
    )
    torch.manual_seed(0)
    model = LlavaOnevisionForConditionalGeneration(config).eval()
    # As drawn by default, the weights are so small that pictures would hardly be seen.
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(std=weight[0].numel() ** -0.5)
    return model


@pytest.fixture(scope="module")
def ours(theirs):
    config = LlavactionConfig(
        vision_config=theirs.config.vision_config.to_dict(),
        text_config=theirs.config.text_config.to_dict(),
        newline="one_token",
        pictures="anyres",
        picture_tiles=TILES,
        video_token_id=VIDEO,
        action_token_id=IMAGE,
    )
    model = LlavactionForConditionalGeneration(config).eval()
    weights = {}
    for name, weight in theirs.state_dict().items():
        prefix = next(prefix for prefix in NAMES if name.startswith(prefix))
        weights[NAMES[prefix] + name.removeprefix(prefix).removeprefix("vision_model.")] = weight
    # The blocks and the norm of the tower that are not computed.
    unused = model.load_state_dict(weights, strict=False)
    assert not unused.missing_keys
    assert all(".layers.2." in name or ".post_layernorm." in name for name in unused.unexpected_keys)
    return model


def pictures_of(*sizes):
    return [np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8) for height, width in sizes]


def text_around(media):
    """Rows of ids and where they differ: `media` holds each sample's placeholders, medium by medium."""
    texts = torch.randint(3, 80, (len(media), 9), generator=torch.Generator().manual_seed(1)).tolist()
    return [
        torch.tensor([*text[:2], *(one for medium in shown for one in (*medium, text[2])), *text[3 : 5 + number]])
        for number, (text, shown) in enumerate(zip(texts, media, strict=True))
    ]


def check(theirs, ours, media, their_media, our_media, left):
    ids, mask = pad_rows(text_around(media), 0, left=left)
    their_ids = torch.where((ids == VIDEO) & torch.tensor("pixel_values" in their_media), IMAGE, ids)
    with torch.no_grad():
        expected = theirs(input_ids=their_ids, attention_mask=mask, **their_media).logits
        logits = ours(input_ids=ids, attention_mask=mask, **our_media).logits
    assert expected.std() > 0.3
    assert (logits - expected)[mask.bool()].abs().max() < 5e-5


def processed(samples):
    """transformers' views of pictures, each padded with empty ones to the longest."""
    processor = LlavaOnevisionImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3, image_grid_pinpoints=PINPOINTS
    )
    return processor.preprocess(samples, return_tensors="pt", input_data_format="channels_last")


def our_media(ours, samples):
    """Placeholders of each sample's pictures, and what the model is given."""
    layout = ours.config.token_layout
    shown = [
        show_media([p[None] for p in sample], [MediaKind.IMAGE] * len(sample), layout.pictures, SIDE)
        for sample in samples
    ]
    media = [[layout.placeholders(len(one.pixels), False, one.picture_size) for one in sample] for sample in shown]
    every = [one for sample in shown for one in sample]
    return media, {
        "pixel_values_videos": torch.cat([one.pixels for one in every]),
        "num_frames_per_video": torch.tensor([len(one.pixels) for one in every]),
        "picture_sizes": torch.tensor([one.picture_size for one in every]),
    }


@pytest.mark.parametrize("left", [False, True])
def test_single_pictures_of_any_shape(theirs, ours, left):
    samples = [pictures_of(size) for size in SIZES]
    media, given = our_media(ours, samples)
    check(theirs, ours, media, dict(processed(samples)), given, left)


@pytest.mark.parametrize("left", [False, True])
def test_several_pictures_in_a_sample_are_whole(theirs, ours, left):
    samples = [pictures_of((30, 40), (21, 60)), pictures_of((50, 25)), pictures_of((8, 9), (70, 30), (20, 20))]
    media, given = our_media(ours, samples)
    assert given["num_frames_per_video"].tolist() == [1, 1, 1 + 3 * 2, 1, 1, 1]
    check(theirs, ours, media, dict(processed(samples)), given, left)


@pytest.mark.parametrize("left", [False, True])
def test_videos(theirs, ours, left):
    videos = torch.randn(2, 3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    given = {"pixel_values_videos": videos.flatten(0, 1), "num_frames_per_video": torch.tensor([3, 3])}
    media = [[ours.config.token_layout.placeholders(3)]] * 2
    check(theirs, ours, media, {"pixel_values_videos": videos}, given, left)


@pytest.mark.parametrize("left", [False, True])
def test_text_alone(theirs, ours, left):
    check(theirs, ours, [[], []], {}, {}, left)


def test_views_of_a_picture(ours):
    """The same pixels."""
    for size in SIZES:
        (picture,) = pictures_of(size)
        expected = processed([picture])["pixel_values"][0]
        (shown,) = show_media([picture[None]], [MediaKind.IMAGE], ours.config.picture_layout, SIDE)
        assert shown.pixels.shape == expected.shape
        assert (normalise(shown.pixels, torch.float32) - expected).abs().max() < 1e-6


@reproducible
@given(st.tuples(st.integers(1, 4000), st.integers(1, 4000)))
def test_what_is_kept_of_the_largest_maps(size):
    layout = PictureLayout(PictureMode.ANYRES, 384, all_grids(), 0)
    patch_map = layout.patch_map(size, 27)
    rows, columns = patch_map.grid
    kept = unpad_image(torch.arange(rows * 27 * columns * 27).reshape(1, rows * 27, columns * 27), size)
    assert kept[0, 0, 0] == patch_map.top * columns * 27 + patch_map.left
    assert kept.shape == (1, patch_map.rows, patch_map.columns)
