import numpy as np
import torch

from llavaction.processing.images import prepare_frames


def test_equal_to_the_public_preprocessing(shared):
    oracle = np.load(shared / "oracle" / "image_processor.npz")
    for frames, resolution, expected in (
        ("frames", 384, "out_384"),
        ("frames", 54, "out_54"),
        ("frames", 45, "out_45"),
        ("small", 54, "small_out_54"),
    ):
        difference = np.abs(prepare_frames(oracle[frames], resolution).numpy() - oracle[expected])
        level = 2 / 255
        assert difference.max() < 1.01 * level
        # A pixel in hundreds is rounded the other way.
        assert difference.mean() < 0.01 * level


def test_equal_to_pillow():
    from PIL import Image

    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 64, 3), dtype=np.uint8)
    ours = (prepare_frames(frames, 24) * 0.5 + 0.5) * 255
    for frame, picture in zip(frames, ours, strict=True):
        pillow = np.asarray(Image.fromarray(frame).resize((24, 24), Image.Resampling.BICUBIC), dtype=np.float32)
        assert np.abs(picture.permute(1, 2, 0).numpy() - pillow).max() <= 1.01


def test_right_size_is_only_scaled():
    frames = np.full((1, 8, 8, 3), 255, np.uint8)
    frames[..., 2] = 0
    pixels = prepare_frames(frames, 8)
    assert pixels.dtype == torch.float32
    assert torch.equal(pixels[0, :, 0, 0], torch.tensor([1.0, 1.0, -1.0]))
