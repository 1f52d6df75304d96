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


def test_frames_of_pyav(tmp_path):
    frames = [av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p") for frame in noise()]
    frames[5].pict_type = av.video.frame.PictureType.I  # as a decoder leaves it; not to be repeated
    assert write_h264(tmp_path / "a.mp4", iter(frames), 10, keyframe_interval=250, comment="what it is") == 40
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.metadata["comment"] == "what it is"
        assert [packet.is_keyframe for packet in container.demux(video=0) if packet.size].count(True) == 1
    with pytest.raises(VideoError, match="frame 0 is rgb24; expected yuv420p"):
        write_h264(tmp_path / "b.mp4", [av.VideoFrame.from_ndarray(noise(1)[0], format="rgb24")], 10)


@pytest.mark.parametrize("fast_decoding", [True, False])
def test_pictures_that_can_be_left_out(tmp_path, fast_decoding):
    write_h264(tmp_path / "a.mp4", noise(1) * 40, 10, fast_decoding=fast_decoding)
    with av.open(str(tmp_path / "a.mp4")) as container:
        container.streams.video[0].codec_context.skip_frame = "NONREF"
        num_needed = sum(1 for _ in container.decode(video=0))
    # Of 15: the keyframe, two that follow it in steps of five, and the last one.
    assert (num_needed <= 12) == fast_decoding


def test_settings_that_libx264_does_not_know(tmp_path):
    with pytest.raises(VideoError, match=r"a\.mp4: cannot be written"):
        write_h264(tmp_path / "a.mp4", noise(1), 10, preset="fastest")
    assert not list(tmp_path.iterdir())
