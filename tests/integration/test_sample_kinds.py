"""Processes whose samples differ in kind or are dropped: the losses of one process, or an error in all of them at once.

A process that waits for another in vain fails its test after two minutes.
"""

import functools
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from llavaction.processing.mixture import DatasetConfig, MixtureConfig, load_mixture
from llavaction.sft.classes import ClassTable
from llavaction.sft.samples import (
    ActionLabel,
    ClipRef,
    MediaKind,
    MediaRef,
    Role,
    Sample,
    Turn,
    View,
    write_samples,
)
from llavaction.testing.processes import run_commands
from llavaction.training.stream import EpochStream
from llavaction.video.encoding import write_h264

pytestmark = pytest.mark.slow

SEED, NUM_STEPS, EMPTY_STEP = 307, 10, 8
"""An order of samples in which most kinds meet, and the step of which nothing is left."""
MEETINGS = [
    {"bad"},
    {"bad", "labelled"},
    {"bad", "text"},
    {"bad", "video"},
    {"labelled", "text"},
    {"labelled", "picture"},
    {"picture", "video"},
    {"text", "video"},
]
TERMS = ("loss", "lm_loss", "verb_loss", "noun_loss", "action_loss", "distill_loss", "grad_norm")
NEW = [
    "model=tiny",
    "model.vision.num_hidden_layers=2",
    "model.vision.image_size=16",
    "model.decoder.num_hidden_layers=2",
]
DISTILLED = ["model.supervision=three_tokens", "model.supervised_layers=all_layers", "model.distillation=from_last"]
MODELS = {
    "one_token": [],
    "frozen_tower": ["train.freeze=[vision]"],
    "three_tokens": DISTILLED,
    "newline": ["model.supervision=newline", "model.vision_chunk=1", "model.loss_chunk=2"],
    "lora": ["lora=lora", "lora.targets=decoder_and_vision", "lora.rank=4", "lora.dropout=0"],
}
# ZeRO-3 keeps small weights whole unless told otherwise; all weights are small here.
SPLIT_ALL = "+deepspeed.zero_optimization.stage3_param_persistence_threshold=0"
ENGINES = {"plain": [], "zero2": ["deepspeed=zero2"], "zero3": ["deepspeed=zero3", SPLIT_ALL]}
RECOMPUTED = "train.gradient_checkpointing=true"


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def ask(name, answer="take cup", video=None, action=None, medium=None):
    """A sample about a clip of `video`, a file, or nothing."""
    turns = (Turn(Role.USER, "What am I doing?"), Turn(Role.ASSISTANT, answer))
    if video is not None:
        return Sample(f"clip/{name}", View.DIRECT, name, ClipRef(video, 0.3, 1.5), turns, action)
    media = () if medium is None else (medium,)
    return Sample(f"file/{name}", View.REPLAY, None, None, turns, media=media)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """The folder of samples of every kind and their files, two of them bad."""
    folder = tmp_path_factory.mktemp("kinds")
    Image.fromarray(noise(1, 20, 30, 3)).save(folder / "one.png")
    write_h264(folder / "whole.mp4", noise(2, 7, 24, 32, 3), 7)
    write_h264(folder / "P01_01.MP4", noise(3, 20, 32, 48, 3), 10)
    (folder / "P02_01.MP4").write_bytes(b"no video")
    (folder / "bad.png").write_bytes(b"no picture")
    ClassTable(("take", "put"), ("cup", "plate"), ("0:0", "0:1", "1:1"), {}).save(folder)
    clips = [
        ask("bad", video="P02_01", action=ActionLabel(1, 1, 2)),
        ask("labelled", video="P01_01", action=ActionLabel(0, 1, 1)),
        ask("unlabelled", video="P01_01"),
    ]
    files = [
        ask("bad", medium=MediaRef(MediaKind.IMAGE, "bad.png")),
        ask("picture", "a cup and a plate", medium=MediaRef(MediaKind.IMAGE, "one.png")),
        ask("text", "open small bottle, then take the cup"),
        ask("video", medium=MediaRef(MediaKind.VIDEO, "whole.mp4")),
    ]
    write_samples(folder / "clips.jsonl", clips)
    write_samples(folder / "files.jsonl", files)
    return folder


def train_arguments(kinds, output, *more, base=None, clips="clips.jsonl", files="files.jsonl"):
    """A run with one sample per batch: two per step, where two processes take it."""
    return [
        "train",
        "paths=demo",
        "video=whole",
        "video.num_frames=2",
        *(NEW if base is None else ["model=checkpoint", f"model.checkpoint={base}"]),
        "train=toy",
        f"paths.videos={kinds}",
        f"mixture.datasets.direct.path={kinds}/{clips}",
        "mixture.datasets.direct.repeat=1",
        f"mixture.datasets.mqa.path={kinds}/{files}",
        f"mixture.datasets.mqa.media={kinds}",
        "train.batch_size=1",
        "train.lr={vision: 1e-3, projector: 1e-3, decoder: 1e-3, action: 1e-3, lora: 1e-3}",
        "train.schedule=constant_with_warmup",
        "train.warmup_ratio=0",
        f"train.max_steps={NUM_STEPS}",
        f"train.seed={SEED}",
        "train.num_workers=0",
        "train.log_every=1",
        "train.bad_video=drop",
        f"output={output}",
        *more,
    ]


def succeed(arguments, num_processes):
    """Run a command, which must end well."""
    (result,) = run_commands([arguments], num_processes=num_processes)
    assert result.returncode == 0, result.output[-6000:]


def fail(arguments, num_processes):
    """Run a command, which must end by an error in a few seconds; the error, once for each process that told it."""
    (result,) = run_commands([arguments], num_processes=num_processes)
    assert result.returncode == 2, result.output[-6000:]
    return re.findall(r"^error: (.*)$", result.output, re.MULTILINE)


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def alone(kinds, tmp_path_factory):
    """The run of a model on one process, by the model's name."""
    folder = tmp_path_factory.mktemp("alone")

    @functools.cache
    def run(model):
        succeed(
            train_arguments(kinds, folder / model, "train.batch_size=2", *MODELS[model], base=base_of(run, model)), 1
        )
        return folder / model

    return run


def base_of(alone, model):
    """The checkpoint that a model starts from; None for a new one."""
    return alone("one_token") / "checkpoint" if model == "lora" else None


@pytest.mark.parametrize(
    ("model", "engine", "more"),
    [
        ("one_token", "plain", [RECOMPUTED]),
        ("one_token", "zero2", []),
        ("one_token", "zero3", [RECOMPUTED]),
        ("frozen_tower", "plain", []),
        ("frozen_tower", "zero2", [RECOMPUTED]),
        ("frozen_tower", "zero3", []),
        ("three_tokens", "zero3", []),
        ("newline", "zero3", [RECOMPUTED]),
        ("lora", "zero3", [RECOMPUTED]),
    ],
    ids=lambda value: ("recomputed" if value else "kept") if isinstance(value, list) else value,
)
def test_processes_with_different_kinds_have_the_losses_of_one(kinds, alone, tmp_path, model, engine, more):
    expected = alone(model)
    arguments = train_arguments(kinds, tmp_path, *MODELS[model], *ENGINES[engine], *more, base=base_of(alone, model))
    succeed(arguments, 2)
    rows, expected_rows = (read_lines(folder / "metrics.jsonl") for folder in (tmp_path, expected))
    assert [row["step"] for row in rows] == list(range(1, NUM_STEPS + 1))
    for row, other in zip(rows, expected_rows, strict=True):
        found, wanted = ({term: line[term] for term in TERMS if term in line} for line in (row, other))
        assert found == pytest.approx(wanted, rel=1e-4)
    assert (tmp_path / "dropped.jsonl").read_text() == (expected / "dropped.jsonl").read_text()


def test_these_runs_hold_all_meetings_and_list_all_that_is_dropped(kinds, alone):
    datasets = {"direct": DatasetConfig(f"{kinds}/clips.jsonl")}
    datasets["mqa"] = DatasetConfig(f"{kinds}/files.jsonl", media=str(kinds))
    names = [sample.sample_id for sample in load_mixture(MixtureConfig(datasets), SEED).samples]
    items = list(EpochStream(len(names), 2 * NUM_STEPS, SEED))
    steps = [[names[item % len(names)] for item in items[start : start + 2]] for start in range(0, len(items), 2)]
    met = [{name.split("/")[1] for name in step} for step in steps]
    assert all(meeting in met for meeting in MEETINGS) and met[EMPTY_STEP - 1] == {"bad"}
    rows = read_lines(alone("one_token") / "dropped.jsonl")
    assert [(row["step"], row["epoch"], row["sample_id"]) for row in rows] == [
        (number // 2 + 1, item // len(names), names[item % len(names)])
        for number, item in enumerate(items)
        if names[item % len(names)].endswith("/bad")
    ]
    reasons = {row["sample_id"]: row["reason"] for row in rows}
    assert "P02_01.MP4: not a video" in reasons["clip/bad"] and "bad.png: cannot be read" in reasons["file/bad"]


@pytest.mark.parametrize("engine", [None, "zero2"])
def test_a_step_of_which_nothing_is_left_moves_no_weight(kinds, tmp_path, engine):
    """Rates are constant here, so a longer run starts as a shorter one does."""
    num_processes, more = (1, ["train.batch_size=2"]) if engine is None else (2, ENGINES[engine])
    for steps in (EMPTY_STEP - 1, EMPTY_STEP):
        succeed(train_arguments(kinds, tmp_path / f"{steps}", f"train.max_steps={steps}", *more), num_processes)
    before, after = (
        load_file(tmp_path / f"{steps}" / "checkpoint" / "model.safetensors") for steps in (EMPTY_STEP - 1, EMPTY_STEP)
    )
    assert all(torch.equal(before[name], after[name]) for name in before)
    last = read_lines(tmp_path / f"{EMPTY_STEP}" / "metrics.jsonl")[-1]
    assert last["step"] == EMPTY_STEP and last["loss"] == last["grad_norm"] == 0 and "lm_loss" not in last


def test_too_many_dropped_samples_end_all_processes(kinds, tmp_path):
    errors = fail(train_arguments(kinds, tmp_path, "train.max_dropped=1"), 2)
    assert len(set(errors)) == 1
    assert "2 samples have bad videos, train.max_dropped = 1 may be dropped" in errors[0]
    assert "'file/bad'" in errors[0] and "'clip/bad': video P02_01" in errors[0]
    assert {row["sample_id"] for row in read_lines(tmp_path / "dropped.jsonl")} == {"clip/bad", "file/bad"}


def test_a_bad_video_of_one_process_ends_all(kinds, tmp_path):
    errors = fail(train_arguments(kinds, tmp_path, "train.bad_video=raise", "train.num_workers=1"), 2)
    assert len(set(errors)) == 1
    assert re.match(r"sample '(clip|file)/bad': .*(P02_01\.MP4|bad\.png).* \(met by process [01]\)", errors[0])
    assert not (tmp_path / "dropped.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "sample", "message"),
    [
        ("classes", ask("x", video="P01_01", action=ActionLabel(2, 0, 0)), "'clip/x': verb_id = 2, but classes.json"),
        ("answer", ask("x", "", video="P01_01"), "'clip/x' has no supervised token: its answers are empty"),
    ],
    ids=["label_outside_the_classes", "nothing_supervised"],
)
def test_a_sample_that_teaches_nothing_ends_all_processes(kinds, tmp_path, name, sample, message):
    write_samples(kinds / f"{name}.jsonl", [sample])
    errors = fail(train_arguments(kinds, tmp_path, clips=f"{name}.jsonl"), 2)
    # Each process finds it by itself; the first that ends may end the other before it has said so.
    assert errors and all(message in error for error in errors)


@pytest.fixture(scope="module")
def broken(alone, tmp_path_factory):
    """A checkpoint whose verb head is no number in one place."""
    folder = tmp_path_factory.mktemp("broken")
    for path in (alone("one_token") / "checkpoint").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / "model.safetensors")
    weights["action_token.verb_head.weight"][1, 0] = np.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("engine", "clip", "message"),
    [
        (
            "plain",
            ask("labelled", video="P01_01", action=ActionLabel(0, 1, 1)),
            r"the loss is not finite in 1 of its batches: samples \['clip/labelled'\] on process [01] "
            r"\(lm_loss \d.*, verb_loss nan, noun_loss \d.*, action_loss \d.*\)\. ",
        ),
        (
            "zero3",
            # It has no loss of the head, but a gradient: nothing times what is no number.
            ask("unlabelled", video="P01_01"),
            r"all losses are finite, but the norm of the gradients is (nan|inf): not finite in .*projector \(5 of 5 "
            r"weights, first newline\).*decoder \(",
        ),
    ],
    ids=["loss", "gradients"],
)
def test_numbers_that_are_none_end_all_processes(kinds, broken, tmp_path, engine, clip, message):
    name = f"{clip.segment_id}.jsonl"
    write_samples(kinds / name, [clip])
    write_samples(kinds / "text.jsonl", [ask("text", "open small bottle")])
    more = ENGINES[engine]
    errors = fail(train_arguments(kinds, tmp_path, *more, base=broken, clips=name, files="text.jsonl"), 2)
    assert len(set(errors)) == 1
    assert re.match(rf"step \d+: {message}", errors[0]), errors[0]
    assert "1 of the weights are not finite themselves (first action_token.verb_head.weight)" in errors[0]
    assert not (tmp_path / "checkpoint").exists()
