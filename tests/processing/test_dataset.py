from dataclasses import replace

import numpy as np
import pytest

from llavaction.model.config import IGNORE
from llavaction.processing.batch import Skipped
from llavaction.processing.dataset import SftDataset
from llavaction.sft.samples import ClipRef, MediaKind, MediaRef, Role, Sample, Turn, View
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import DataError, VideoError
from llavaction.video.clip import Clip, ClipLoader
from llavaction.video.layout import VideoConfig, VideoLayout

TURNS = (Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "take cup"))
SAMPLES = [Sample(f"direct/{i}", View.DIRECT, str(i), ClipRef("P01_01", i, i + 1.0), TURNS) for i in range(3)]


class NumberedClips:
    """Frames whose grey level is the jitter drawn for them."""

    def load(self, *args, num_frames, rng, **kwargs):
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


def test_a_bad_video_can_be_skipped(processor):
    dataset = SftDataset(SAMPLES, BrokenClips(), processor, jitter=True, seed=0, drop_bad_videos=True)
    assert dataset[1 + 2 * len(dataset)] == Skipped("direct/1", 2, "P01_01.MP4: cannot be decoded")


def test_only_videos_can_be_bad(processor):
    empty = replace(SAMPLES[0], turns=(Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "")))
    dataset = SftDataset([empty], NumberedClips(), processor, jitter=True, seed=0, drop_bad_videos=True)
    with pytest.raises(DataError, match="sample 'direct/0' has no supervised token: its answers are empty"):
        dataset[0]


def open_mixed(samples, media, processor, jitter=False):
    clips = ClipLoader(VideoConfig(str(media), VideoLayout.WHOLE))
    folders = {sample.sample_id: media for sample in samples if sample.media}
    return SftDataset(samples, clips, processor, jitter=jitter, seed=0, media_folders=folders)


def test_every_kind_of_sample_is_loaded(mixed, media, processor):
    dataset = open_mixed(mixed, media, processor)
    frames = {sample.sample_id.split("/")[-1]: dataset[i].num_frames for i, sample in enumerate(mixed)}
    assert frames == {
        "a": (2,),
        "b": (2,),
        "video": (2,),
        "picture": (1,),
        "several": (1, 1),
        "both": (1, 2),
        "text": (),
    }
    for i in range(len(dataset)):
        assert dataset[i].pixel_values.shape == (sum(dataset[i].num_frames), 3, 12, 12)
        supervised = processor.tokenizer.decode(dataset[i].labels[dataset[i].labels != IGNORE])
        assert supervised.endswith("take cup<|im_end|>")


def test_media_come_in_their_order(mixed, media, processor):
    dataset = open_mixed(mixed, media, processor)
    picture, several = (dataset[i].pixel_values for i in (3, 4))
    assert picture[0].equal(several[0]) and not picture[0].equal(several[1])


@pytest.mark.parametrize(("kind", "name"), [(MediaKind.IMAGE, "a.jpg"), (MediaKind.VIDEO, "a.mp4")])
def test_a_bad_file_names_the_sample(processor, tmp_path, kind, name):
    (tmp_path / name).write_bytes(b"not what it seems")
    sample = Sample("replay/mix/x", View.REPLAY, None, None, TURNS, media=(MediaRef(kind, name),))
    with pytest.raises(VideoError, match=rf"sample 'replay/mix/x': .*{name}"):
        open_mixed([sample], tmp_path, processor)[0]
