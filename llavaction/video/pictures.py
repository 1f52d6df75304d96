"""Videos as folders of pictures, one per frame, such as EPIC-KITCHENS' `rgb_frames`."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from llavaction.utils.errors import VideoError
from llavaction.video.backends import FrameReader, OpenVideo
from llavaction.video.backends.base import check_frame_idx
from llavaction.video.files import SingleFile

_NUMBERED = re.compile(r"(.*?)(\d+)(\.(?:jpg|jpeg|png))", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class PictureFolder(SingleFile):
    """A folder of numbered pictures as a single file; `file` is the folder.

    The picture with the lowest number, `frame_0000000001.jpg` or `00000.jpg`, is frame 0 of the video.
    """

    frame_rate: float

    def open(self, chunk_idx: int, open_video: OpenVideo) -> FrameReader:
        return PictureReader(self.file, self.frame_rate, self._numbering)

    @cached_property
    def _numbering(self) -> Numbering:
        # Kept with the folder, not with its reader: listing 200,000 names takes longer than reading a clip.
        return list_pictures(self.file)


@dataclass(frozen=True)
class Numbering:
    """How the pictures of a folder are named: `prefix`, a number of `width` digits, `ending`."""

    prefix: str
    width: int
    ending: str
    first: int
    last: int

    def name(self, frame_idx: int) -> str:
        """The file name of a frame, counted from 0."""
        return f"{self.prefix}{self.first + frame_idx:0{self.width}d}{self.ending}"

    @property
    def num_frames(self) -> int:
        return self.last - self.first + 1


def list_pictures(folder: Path) -> Numbering:
    """Look at the names in a folder.

    Raises:
        VideoError: when there is no numbered picture, or they are named in more than one way.
    """
    try:
        with os.scandir(folder) as entries:
            names = [match for entry in entries if (match := _NUMBERED.fullmatch(entry.name))]
    except OSError as error:
        raise VideoError(f"{folder}: cannot be listed ({error.strerror}); check video.folder") from error
    if not names:
        raise VideoError(f"{folder}: holds no numbered pictures such as frame_0000000001.jpg; check video.folder")
    kinds = {(match[1], match[3]) for match in names}
    if len(kinds) > 1:
        (one, two) = sorted(prefix + "..." + ending for prefix, ending in kinds)[:2]
        raise VideoError(f"{folder}: holds pictures named {one} and others named {two}; keep one kind")
    ((prefix, ending),) = kinds
    numbers = [int(match[2]) for match in names]
    return Numbering(prefix, min(len(match[2]) for match in names), ending, min(numbers), max(numbers))


class PictureReader(FrameReader):
    """Reads pictures with Pillow, which, unlike a video decoder, refuses a picture that was cut off."""

    def __init__(self, folder: Path, frame_rate: float, numbering: Numbering) -> None:
        """Open nothing yet; `frame_rate` is in pictures per second."""
        self.path = folder
        self.fps = frame_rate
        self.num_frames = numbering.num_frames
        self._numbering = numbering

    def read(self, frame_idx: Sequence[int]) -> np.ndarray:
        indices = check_frame_idx(self.path, frame_idx, self.num_frames)
        wanted, places = np.unique(indices, return_inverse=True)
        images = [read_picture(self.path / self._numbering.name(int(index))) for index in wanted]
        if len({image.shape for image in images}) != 1:
            raise VideoError(f"{self.path}: the pictures have more than one size; extract the video again")
        return np.stack([images[place] for place in places])

    def close(self) -> None:
        """Nothing is open between reads."""


def read_picture(path: Path) -> np.ndarray:
    """RGB pixels uint8 `[H, W, 3]`, turned the way its EXIF data says; transparency is left out.

    Raises:
        VideoError: when the file is missing, or no whole picture that Pillow can read.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            return np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    except FileNotFoundError:
        raise VideoError(f"{path}: no such picture; check its folder") from None
    # Pillow raises all of these over broken files; the last one over their EXIF data.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, struct.error) as error:
        raise VideoError(f"{path}: cannot be read as a picture ({error}); fetch or extract it again") from error
