import av
import numpy as np
import pytest

from llavaction.utils.errors import VideoError
from llavaction.video.encoding import write_h264


def noise(num_frames=40, height=32, width=48):
    return list(np.random.default_rng(0).integers(0, 256, (num_frames, height, width, 3), dtype=np.uint8))


def test_same_frames_same_bytes(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        assert write_h264(tmp_path / name, noise(), 10) == 40
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "b.mp4"}


def test_a_keyframe_every_so_many_frames(tmp_path):
    write_h264(tmp_path / "a.mp4", noise(), 10, keyframe_interval=7)
    with av.open(str(tmp_path / "a.mp4")) as container:
        keyframes = [frame.key_frame for frame in container.decode(video=0)]
    assert all(any(keyframes[start : start + 7]) for start in range(0, 40, 7))
    assert keyframes[0]


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ([], "no frames"),
        (noise(1, height=31), "is odd"),
        ([*noise(1), *noise(1, width=50)], "the first frame was"),
        ([frame.astype(np.float32) for frame in noise(1)], "expected uint8"),
    ],
)
def test_unfit_frames_leave_no_file(tmp_path, frames, problem):
    with pytest.raises(VideoError, match=problem):
        write_h264(tmp_path / "a.mp4", frames, 10)
    assert not list(tmp_path.iterdir())
