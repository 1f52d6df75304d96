import numpy as np
import pytest

from llavaction.processing.dataset import SftDataset
from llavaction.sft.samples import ClipRef, Role, Sample, Turn, View
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import VideoError
from llavaction.video.clip import Clip

TURNS = (Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "take cup"))
SAMPLES = [Sample(f"direct/{i}", View.DIRECT, str(i), ClipRef("P01_01", i, i + 1.0), TURNS) for i in range(3)]


class NumberedClips:
    """Frames whose grey level is the jitter drawn for them."""

    def load(self, video_id, start_s, stop_s, *, num_frames, rng):
        level = 0 if rng is None else int(rng.integers(1, 256))
        return Clip(np.full((num_frames, 12, 12, 3), level, np.uint8), np.zeros(num_frames))


class BrokenClips:
    def load(self, *args, **kwargs):
        raise VideoError("P01_01.MP4: cannot be decoded")


@pytest.fixture(scope="module")
def processor():
    return tiny_processor(tiny_model())


def test_the_epoch_is_part_of_the_index(processor):
    dataset = SftDataset(SAMPLES, NumberedClips(), processor, jitter=True, seed=0)
    first, again, next_epoch = dataset[1], dataset[1], dataset[1 + len(dataset)]
    assert first.sample_id == next_epoch.sample_id == "direct/1"
    assert first.pixel_values.equal(again.pixel_values)
    assert not first.pixel_values.equal(next_epoch.pixel_values)


def test_without_jitter_every_epoch_is_the_same(processor):
    dataset = SftDataset(SAMPLES, NumberedClips(), processor, jitter=False, seed=0)
    assert dataset[2].pixel_values.equal(dataset[2 + 5 * len(dataset)].pixel_values)


def test_a_bad_video_names_the_sample(processor):
    dataset = SftDataset(SAMPLES, BrokenClips(), processor, jitter=True, seed=0)
    with pytest.raises(VideoError, match=r"sample 'direct/0': P01_01\.MP4"):
        dataset[0]
