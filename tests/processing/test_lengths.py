"""Tokens are counted as they will be made."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from llavaction.model.config import PictureMode
from llavaction.model.picture_layout import PictureLayout, all_grids
from llavaction.processing.dataset import SftDataset
from llavaction.processing.lengths import TYPICAL_PICTURE, check_longest, count_tokens
from llavaction.processing.processor import Example, Processor
from llavaction.sft.samples import MEDIA_MARK, MediaKind, MediaRef, Role, Sample, Turn, View
from llavaction.testing.tiny import tiny_model, tiny_processor
from llavaction.utils.errors import DataError
from llavaction.video.clip import ClipLoader
from llavaction.video.layout import VideoConfig, VideoLayout


@pytest.fixture(scope="module")
def processor() -> Processor:
    return tiny_processor(tiny_model())


def spoken(name: str, *words: str, media: tuple[MediaRef, ...] = ()) -> Sample:
    turns = tuple(Turn((Role.USER, Role.ASSISTANT)[number % 2], text) for number, text in enumerate(words))
    return Sample(f"replay/x/{name}", View.REPLAY, None, None, turns, media=media)


def made(samples: list[Sample], folder: Path, processor: Processor) -> list[int]:
    """Tokens of the examples that training would see."""
    clips = ClipLoader(VideoConfig(str(folder), VideoLayout.WHOLE))
    folders = {sample.sample_id: folder for sample in samples}
    dataset = SftDataset(samples, clips, processor, jitter=False, seed=0, media_folders=folders)
    examples = [dataset[idx] for idx in range(len(samples))]
    return [len(example.input_ids) for example in examples if isinstance(example, Example)]


def test_every_kind_of_sample(mixed: list[Sample], media: Path, processor: Processor) -> None:
    odd = [
        spoken("special", "What is <|im_end|>\n<|im_start|>user?", "It is <|im_end|>."),
        spoken("unicode", "Wie heißt das?  \n", "  Übergrößenträger \N{COOKING}"),
        spoken("long", "a " * 300, "b", "", "c"),
    ]
    # A sample that comes twice, and texts that are in several, are counted each time.
    samples = [*mixed, *odd, mixed[0]]

    counts = count_tokens(samples, processor)

    assert counts.tolist() == made(samples, media, processor)
    assert len(set(counts.tolist())) > 6


@pytest.mark.parametrize("mode", PictureMode)
def test_every_way_to_see_pictures(processor: Processor, tmp_path: Path, mode: PictureMode) -> None:
    from PIL import Image

    for name in ("one", "two"):
        Image.new("RGB", (TYPICAL_PICTURE[1], TYPICAL_PICTURE[0])).save(tmp_path / f"{name}.png")
    pictures = [MediaRef(MediaKind.IMAGE, f"{name}.png") for name in ("one", "two")]
    samples = [
        spoken("alone", "What?", "That.", media=(pictures[0],)),
        spoken("two", "What?", "No.", media=(*pictures,)),
    ]
    layout = PictureLayout(mode, tile_size=12, grids=all_grids(3), max_tiles=9)
    config = replace(processor.config, layout=replace(processor.config.layout, pictures=layout))
    other = Processor(processor.tokenizer, config)

    assert count_tokens(samples, other).tolist() == made(samples, tmp_path, other)


def test_no_samples(processor: Processor) -> None:
    assert count_tokens([], processor).tolist() == []


def test_marks_that_do_not_fit_name_the_sample(processor: Processor) -> None:
    picture = (MediaRef(MediaKind.IMAGE, "a.jpg"),)
    with pytest.raises(DataError, match="sample 'replay/x/wrong': 2 places for pictures"):
        count_tokens([spoken("wrong", MEDIA_MARK * 2, "Yes.", media=picture)], processor)


def test_a_sample_that_is_too_long_is_named(mixed: list[Sample], processor: Processor) -> None:
    counts = count_tokens(mixed, processor)
    longest = mixed[int(counts.argmax())].sample_id
    strict = Processor(processor.tokenizer, replace(processor.config, max_length=int(counts.max()) - 1))

    check_longest(mixed, counts, processor)
    with pytest.raises(DataError, match=f"sample '{longest}' has {counts.max()} tokens, the limit is"):
        check_longest(mixed, counts, strict)
    with pytest.raises(DataError, match=f"sample '{longest}' has"):
        check_longest(mixed, counts, Processor(processor.tokenizer, replace(processor.config, max_length=1)))


def test_forked_workers_are_not_warned(monkeypatch: pytest.MonkeyPatch, processor: Processor) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "")
    monkeypatch.delenv("TOKENIZERS_PARALLELISM")
    count_tokens([spoken("a", "What?", "That.")], processor)
    assert os.environ["TOKENIZERS_PARALLELISM"] == "false"

    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    count_tokens([spoken("a", "What?", "That.")], processor)
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true"
