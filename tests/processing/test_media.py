import numpy as np
import pytest

from llavaction.processing.media import load_media, read_picture
from llavaction.sft.samples import MediaKind, MediaRef
from llavaction.utils.errors import DataError, VideoError
from llavaction.utils.seeding import rng_for
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig, VideoLayout


@pytest.fixture
def clips(media):
    return ClipLoader(VideoConfig(str(media), VideoLayout.WHOLE))


def load(clips, media, kind, path, rng=None):
    return load_media(MediaRef(kind, path), media, clips, num_frames=4, rng=rng)


def test_a_picture_is_one_frame(clips, media):
    from PIL import Image

    frames = load(clips, media, MediaKind.IMAGE, "pictures/two.png")
    assert frames.shape == (1, 16, 9, 3) and frames.dtype == np.uint8
    assert (frames[0] == np.asarray(Image.open(media / "pictures" / "two.png"))).all()


def test_a_video_is_shown_whole(clips, media):
    frames = load(clips, media, MediaKind.VIDEO, "whole.mp4")
    assert frames.shape == (4, 24, 32, 3)
    # Seven frames: the middles of four parts.
    everything = clips.load_file(media / "whole.mp4", num_frames=7).frames
    assert (frames == everything[[0, 2, 4, 6]]).all()


def test_frames_of_a_video_are_jittered(clips, media):
    drawn = [load(clips, media, MediaKind.VIDEO, "whole.mp4", rng_for(0, "x", number)) for number in range(8)]
    assert any((drawn[0] != frames).any() for frames in drawn)
    assert (drawn[0] == load(clips, media, MediaKind.VIDEO, "whole.mp4", rng_for(0, "x", 0))).all()


@pytest.mark.parametrize("kind", MediaKind)
def test_a_missing_file_is_named(clips, media, kind):
    with pytest.raises(VideoError, match=r"none\.x: no such (file|picture)"):
        load(clips, media, kind, "none.x")


@pytest.mark.parametrize("path", ["../a.jpg", "/etc/passwd", "pictures/../../a.jpg"])
def test_paths_stay_inside(clips, media, path):
    with pytest.raises(DataError, match="would leave"):
        load(clips, media, MediaKind.IMAGE, path)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode):
    from PIL import Image

    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new("RGB", (6, 4), "white").convert(mode).save(path)
    pixels = read_picture(path)
    assert pixels.shape == (4, 6, 3) and pixels.dtype == np.uint8 and pixels.min() > 250


def test_a_picture_is_turned_as_its_camera_was(tmp_path):
    from PIL import Image

    upright = np.zeros((6, 4, 3), np.uint8)
    upright[0] = 255
    exif = Image.Exif()
    exif[274] = 6  # Orientation: the stored picture is to be turned by 90 degrees, clockwise.
    Image.fromarray(np.rot90(upright)).save(tmp_path / "a.png", exif=exif)
    assert (read_picture(tmp_path / "a.png") == upright).all()


@pytest.mark.parametrize("name", ["one.jpg", "two.png"])
@pytest.mark.parametrize("kept", [0, 1, 40, 150])
def test_a_broken_picture_is_named(media, tmp_path, name, kept):
    path = tmp_path / name
    path.write_bytes((media / "pictures" / name).read_bytes()[:kept])
    with pytest.raises(VideoError, match=rf"{name}: cannot be read as a picture"):
        read_picture(path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow mentions odd EXIF data
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_no_damage_is_another_error(tmp_path, name):
    from PIL import Image

    exif = Image.Exif()
    exif[274], exif[271], exif[282] = 6, "camera", 72.0  # orientation, maker, resolution
    Image.new("RGB", (16, 12), "red").save(tmp_path / name, exif=exif)
    good, rng, num_broken = (tmp_path / name).read_bytes(), np.random.default_rng(0), 0
    for _ in range(600):
        bad = bytearray(good)
        for place in rng.integers(0, min(len(bad), 200), 4):
            bad[place] = rng.integers(256)
        (tmp_path / name).write_bytes(bad)
        try:
            read_picture(tmp_path / name)
        except VideoError:
            num_broken += 1
    assert num_broken > 100
