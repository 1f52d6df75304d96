import numpy as np
import pytest

from llavaction.sft.samples import ClipRef
from llavaction.video.encoding import write_h264


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """The folder of one video, P01_01, of three seconds of noise."""
    folder = tmp_path_factory.mktemp("videos")
    pixels = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    write_h264(folder / "P01_01.MP4", pixels, 10)
    return folder


@pytest.fixture(scope="session")
def clips():
    """Six clips of a second in it."""
    return [ClipRef("P01_01", number / 10, number / 10 + 1) for number in range(6)]
