"""Built folders and samples of every kind, made in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from llavaction.sft.samples import (
    MEDIA_MARK,
    ActionLabel,
    ClipRef,
    MediaKind,
    MediaRef,
    Option,
    PriorAction,
    Role,
    Sample,
    TimeSpan,
    Turn,
    View,
    write_samples,
)
from llavaction.utils.hashing import content_sha256
from llavaction.utils.jsonl import write_json

MANIFEST_FACTS: dict[str, Any] = {
    "seed": 3,
    "distractors": "specialist",
    "prompts": {"name": "first_person", "version": 2},
    "sources": {"EPIC_100_train.csv": "aa" * 32, "/home/someone/tim_train.json": "bb" * 32},
}


def turns(*texts: str) -> tuple[Turn, ...]:
    """Utterances of user and assistant in turn."""
    return tuple(Turn((Role.USER, Role.ASSISTANT)[at % 2], text) for at, text in enumerate(texts))


def media(*paths: str) -> tuple[MediaRef, ...]:
    """Files; the kind follows from the name."""
    return tuple(MediaRef(MediaKind.VIDEO if path.endswith(".mp4") else MediaKind.IMAGE, path) for path in paths)


QUESTION = Sample(
    sample_id="mqa/P01_11_0",
    view=View.MQA,
    segment_id="P01_11_0",
    clip=ClipRef("P01_11", 0.0, 1.89),
    turns=turns("Which?\nA. take plate\nB. put plate", "A. take plate"),
    action=ActionLabel(0, 2, 7),
    options=(Option("take plate", 7, "A. take plate"), Option("put plate", 8, "B. put plate")),
    answer_idx=0,
)
CANDIDATES = replace(
    QUESTION,
    sample_id="candidates/specialist/P01_11_0",
    view=View.CANDIDATES,
    turns=turns("Which?\nA. take plate\nB. put plate", "wash plate"),
    action=ActionLabel(2, 2, 9),
    options=tuple(replace(option, source="specialist") for option in QUESTION.options),
    answer_idx=None,
)
ORDER = Sample(
    sample_id="order/P01_11_1",
    view=View.TEMPORAL_ORDER,
    segment_id="P01_11_1",
    clip=ClipRef("P01_11", 4.25, 5.0),
    turns=turns("Before: take plate. Now?", "wash plate"),
    prior=(PriorAction("P01_11_0", "take plate", 4.25),),
)
DETECTION = Sample(
    sample_id="when/P01_11_0",
    view=View.TEMPORAL_DETECTION,
    segment_id="P01_11_0",
    clip=ClipRef("P01_11", 0.0, 7.5),
    turns=turns("When is the plate taken?", "0.0 to 1.9 s"),
    target=TimeSpan(0.0, 1.89),
)
PICTURES = Sample(
    sample_id="replay/2",
    view=View.REPLAY,
    segment_id=None,
    clip=None,
    turns=turns(f"Compare {MEDIA_MARK} with", "yes", f"and {MEDIA_MARK}?", "no"),
    media=media("coco/1.jpg", "coco/2.jpg"),
)
FILM = Sample("replay/3", View.REPLAY, None, None, turns("What is on?", "A film."), media=media("films/a.mp4"))
TEXT = Sample("replay/1", View.REPLAY, None, None, turns("Hello?", "Hello."))
BOTH = Sample("replay/4", View.REPLAY, None, None, turns("And these?", "Two."), media=media("a.jpg", "films/a.mp4"))

FILES: dict[str, list[Sample]] = {
    "train_mqa.jsonl": [QUESTION],
    "train_temporal_order.jsonl": [ORDER],
    "train_temporal_detection.jsonl": [DETECTION],
    "train_replay.jsonl": [TEXT, PICTURES, FILM],
    "validation_mqa.jsonl": [QUESTION],
}


def write_folder(folder: Path, files: Mapping[str, Sequence[Sample]] = FILES, **facts: Any) -> Path:
    """Write files of samples and a manifest, as a build does; return the folder."""
    entries = {}
    for name, samples in files.items():
        lines = write_samples(folder / name, samples)
        entries[name] = {"samples": len(lines), "content_sha256": content_sha256(lines)}
    write_json(folder / "manifest.json", {**MANIFEST_FACTS, "files": entries, **facts})
    return folder


_ids = st.text("abcXYZ019é-", min_size=1, max_size=6)
_letters = st.characters(codec="utf-8", exclude_characters=MEDIA_MARK + "<")
_texts = st.text(_letters, max_size=20)
_answers = st.text(_letters, min_size=1, max_size=20)
_seconds = st.integers(0, 10**6).map(lambda ms: ms / 1000)
_class_ids = st.integers(0, 4000)
_images = st.builds("{}/{}.jpg".format, _ids, _ids)
_videos = st.builds("{}/{}.mp4".format, _ids, _ids)


@st.composite
def samples(draw: st.DrawFn, mixed_media: bool = True) -> Sample:
    """A sample of any kind.

    Args:
        mixed_media: also those that show videos together with other files.
    """
    clip = draw(st.none() | st.builds(ClipRef, st.builds("{}_{}".format, _ids, _ids), _seconds, st.just(2000.0)))
    target = None if clip is None else draw(st.none() | st.just(TimeSpan(0.25, 1.75)))
    paths: list[str] = []
    if clip is None:
        one_kind = st.lists(_images, max_size=3) | st.lists(_videos, min_size=1, max_size=1)
        paths = draw(st.lists(_images | _videos, max_size=3) if mixed_media else one_kind)
    options = tuple(draw(st.lists(st.builds(Option, _texts, _class_ids, _texts, st.none() | _ids), max_size=3)))
    view = draw(st.sampled_from(View))
    action = draw(st.none() | st.builds(ActionLabel, _class_ids, _class_ids, _class_ids))
    answer_idx = draw(st.integers(0, len(options) - 1)) if options else None
    if view is View.CANDIDATES:
        options = options or (Option("take plate", 7, "A. take plate", "specialist"),)
        options = tuple(replace(option, action_id=10 * at) for at, option in enumerate(options))
        place = draw(st.none() | st.integers(0, len(options) - 1))
        action, answer_idx = ActionLabel(0, 2, 5 if place is None else 10 * place), place
    return Sample(
        sample_id=draw(_ids),
        view=view,
        segment_id=None if view is View.REPLAY else draw(st.builds("{}_{}".format, _ids, _ids)),
        clip=clip,
        turns=_with_marks(draw, len(paths)),
        action=action,
        options=options,
        answer_idx=answer_idx,
        prior=tuple(draw(st.lists(st.builds(PriorAction, _ids, _texts, _seconds), max_size=2))),
        target=target,
        media=media(*paths),
    )


def _with_marks(draw: st.DrawFn, num_files: int) -> tuple[Turn, ...]:
    """One or two rounds; either all marks are there or none."""
    texts = draw(st.lists(st.tuples(_texts, _answers), min_size=1, max_size=2))
    if num_files and draw(st.booleans()):
        for _ in range(num_files):
            place = draw(st.integers(0, len(texts) - 1))
            question, answer = texts[place]
            texts[place] = (question + MEDIA_MARK + draw(_texts), answer)
    return turns(*(text for both in texts for text in both))
