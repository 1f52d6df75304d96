import numpy as np
import pytest
import torch

from llavaction.model.vision import normalise
from llavaction.processing.images import join_frames, prepare_frames


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_equal_to_the_public_preprocessing(shared):
    oracle = np.load(shared / "oracle" / "image_processor.npz")
    for frames, resolution, expected in (
        ("frames", 384, "out_384"),
        ("frames", 54, "out_54"),
        ("frames", 45, "out_45"),
        ("small", 54, "small_out_54"),
    ):
        ours = normalise(prepare_frames(oracle[frames], resolution), torch.float32)
        difference = np.abs(ours.numpy() - oracle[expected])
        level = 2 / 255
        assert difference.max() < 1.01 * level
        # A pixel in hundreds is rounded the other way.
        assert difference.mean() < 0.01 * level


@pytest.mark.parametrize("num_frames", [1, 3])
def test_equal_to_pillow(num_frames):
    from PIL import Image

    frames = noise(num_frames, 40, 64, 3)
    for frame, picture in zip(frames, prepare_frames(frames, 24), strict=True):
        pillow = np.asarray(Image.fromarray(frame).resize((24, 24), Image.Resampling.BICUBIC), dtype=int)
        assert np.abs(picture.permute(1, 2, 0).numpy() - pillow).max() <= 1


def test_right_size_is_only_turned():
    frames = noise(2, 8, 8, 3)
    pixels = prepare_frames(frames, 8)
    assert pixels.dtype == torch.uint8 and pixels.shape == (2, 3, 8, 8)
    assert np.array_equal(pixels.permute(0, 2, 3, 1).numpy(), frames)


def test_pictures_turned_in_memory_are_taken_too():
    frames = noise(2, 12, 8, 3)
    assert torch.equal(prepare_frames(frames[:, ::-1], 6), prepare_frames(frames[:, ::-1].copy(), 6))


def test_the_model_scales_what_comes_as_colours():
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8)[:, None, None, None]
    scaled = normalise(pixels, torch.float32).flatten()
    assert torch.allclose(scaled, torch.tensor([-1, -0.6, 1]))
    assert torch.equal(normalise(pixels, torch.bfloat16).flatten(), scaled.bfloat16())
    assert torch.equal(normalise(scaled, torch.float32), scaled)


def test_frames_are_joined_in_order_and_stay_as_they_lie():
    first, second = (prepare_frames(noise(number, 9, 7, 3), 6) for number in (1, 2))
    nothing = join_frames([], 6)
    assert nothing.shape == (0, 3, 6, 6) and nothing.dtype == torch.uint8
    assert join_frames([nothing, first], 6) is first
    joined = join_frames([nothing, first, nothing, second], 6)
    assert torch.equal(joined, torch.cat([first, second]))
    assert joined.stride() == second.stride() == (108, 1, 18, 3)
