"""A file that never answers, in a worker of a real DataLoader: given up, and the worker ends with the others."""

import os
import sys
import time

import pytest
from PIL import Image
from torch.utils.data import DataLoader

from llavaction.processing.batch import Skipped
from llavaction.processing.dataset import SftDataset
from llavaction.sft.samples import ClipRef, Role, Sample, Turn, View
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import VideoError
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig, VideoLayout

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

TURNS = (Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "take cup"))
SAMPLES = [Sample(f"direct/{i}", View.DIRECT, str(i), ClipRef("P01_01", i, i + 1.0), TURNS) for i in range(3)]


@pytest.fixture
def videos(tmp_path):
    """Twelve pictures, four per second, of which number 6 is a pipe to which nobody writes."""
    folder = tmp_path / "P01_01"
    folder.mkdir()
    for number in range(12):
        if number != 6:
            Image.new("RGB", (16, 16), (20 * number, 0, 0)).save(folder / f"frame_{number:010d}.png")
    os.mkfifo(folder / "frame_0000000006.png")
    return tmp_path


def load_all(videos, num_workers, **options):
    config = VideoConfig(str(videos), VideoLayout.FRAMES, frame_rate=4.0, num_frames=4, decode_timeout_s=1.0)
    processor = tiny_processor(tiny_model(), num_frames=4)
    dataset = SftDataset(SAMPLES, ClipLoader(config), processor, jitter=False, seed=0, **options)
    return list(DataLoader(dataset, batch_size=1, num_workers=num_workers, collate_fn=lambda items: items[0]))


def test_it_is_dropped_and_the_next_is_loaded(videos):
    start = time.monotonic()
    items = load_all(videos, 1, drop_bad_videos=True)
    assert 1 <= time.monotonic() - start < 30
    assert [item.sample_id for item in items] == ["direct/0", "direct/1", "direct/2"]
    assert [isinstance(item, Skipped) for item in items] == [False, True, False]
    assert "P01_01: not read after 1 s and given up" in items[1].reason


def test_it_is_an_error_that_names_the_sample(videos):
    with pytest.raises(VideoError, match=r"sample 'direct/1': video P01_01, 1 s to 2 s: .*not read after 1 s"):
        load_all(videos, 1)
