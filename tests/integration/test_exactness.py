"""The same losses on one process and on two, whatever DeepSpeed splits, whatever trains."""

import json

import pytest
import torch
from safetensors.torch import load_file

from llavaction.training.parts import part_of
from tests.integration.runs import ENGINES, SMALL, assert_same_losses, read_losses, succeed

pytestmark = pytest.mark.slow

NUM_STEPS = 20
LORA = ["lora=lora", "lora.rank=4", "lora.dropout=0"]
TRAINED = {
    "frozen_tower": ({"projector", "decoder", "action"}, ["train.freeze=[vision]"]),
    "frozen_llm": ({"vision", "projector", "action"}, ["train.freeze=[decoder]"]),
    "frozen_tower_and_projector": ({"decoder", "action"}, ["train.freeze=[vision,projector]"]),
    "lora_decoder": ({"projector", "action", "lora"}, LORA),
    "lora_decoder_and_vision": ({"projector", "action", "lora"}, [*LORA, "lora.targets=decoder_and_vision"]),
}
"""What trains, and how that is asked for."""


def passes(num_processes, how):
    """Steps of four samples: in one pass (plain), by gradient accumulation and checkpointing, or both."""
    batches = 2 if how in ("accumulated", "both") else 1
    return [
        f"train.batch_size={4 // num_processes // batches}",
        f"train.gradient_accumulation={batches}",
        f"train.gradient_checkpointing={str(how in ('recomputed', 'both')).lower()}",
    ]


@pytest.fixture(scope="module")
def long_run(train_arguments, tmp_path_factory):
    """Arguments of a run of 20 steps, and its folder when one process has made it in the plainest way."""
    arguments = [*train_arguments, *SMALL, f"train.max_steps={NUM_STEPS}"]
    folder = tmp_path_factory.mktemp("long_run")
    succeed([*arguments, *passes(1, "plain"), f"output={folder}"])
    assert len(read_losses(folder)) == NUM_STEPS
    return arguments, folder


@pytest.mark.parametrize(
    ("num_processes", "engine", "how"),
    [
        *((1, "none", how) for how in ("accumulated", "recomputed", "both")),
        *((2, engine, how) for engine in ENGINES for how in ("plain", "both")),
    ],
)
def test_losses_of_20_steps(long_run, tmp_path, num_processes, engine, how):
    arguments, alone = long_run
    succeed([*arguments, *ENGINES[engine], *passes(num_processes, how), f"output={tmp_path}"], num_processes)
    assert_same_losses(tmp_path, alone)
    assert (tmp_path / "checkpoint" / "model.safetensors").is_file()


@pytest.fixture(scope="module")
def base(train_arguments, tmp_path_factory):
    """The checkpoint of a model that has not been trained."""
    folder = tmp_path_factory.mktemp("base")
    succeed([*train_arguments, *SMALL, "train.max_steps=0", f"output={folder}"])
    return folder / "checkpoint"


@pytest.fixture(scope="module", params=TRAINED)
def part_run(request, train_arguments, base, tmp_path_factory):
    """Arguments of a short run that trains some parts of the base, those parts, and its folder on one process."""
    parts, more = TRAINED[request.param]
    arguments = [*train_arguments, "model=checkpoint", f"model.checkpoint={base}", "video.num_frames=4", *more]
    arguments += ["train.max_steps=3", "train.lr={vision:1e-3,projector:1e-3,decoder:1e-3,action:1e-3,lora:1e-3}"]
    folder = tmp_path_factory.mktemp(request.param)
    succeed([*arguments, *passes(1, "plain"), f"output={folder}"])
    return arguments, parts, folder


@pytest.mark.parametrize("engine", ENGINES)
def test_what_trains_is_the_same_on_two_processes(part_run, base, tmp_path, engine):
    arguments, parts, alone = part_run
    arguments = [*arguments, *ENGINES[engine], *passes(2, "recomputed"), f"output={tmp_path}"]
    if engine == "zero3":
        succeed(arguments, 2, function="tests.integration.weights_held:main")
        assert_all_is_split(tmp_path)
    else:
        succeed(arguments, 2)
    assert_same_losses(tmp_path, alone)
    trained, expected = (read_weights(folder / "checkpoint") for folder in (tmp_path, alone))
    assert trained.keys() == expected.keys()
    before = read_weights(base)
    moved = {name for name, weight in trained.items() if name not in before or not torch.equal(weight, before[name])}
    assert {part_of(name) for name in moved} == parts
    for name, weight in trained.items():
        assert torch.allclose(weight, expected[name], atol=1e-3), name


def read_weights(folder):
    (file,) = folder.glob("*.safetensors")
    return {name.removeprefix("base_model.model."): weight for name, weight in load_file(file).items()}


def assert_all_is_split(folder):
    """Between its steps, each process of a run held no weight whole, and half of the numbers."""
    for rank in range(2):
        counts = json.loads((folder / f"held_{rank}.json").read_text())
        assert len(counts) == 3
        for count in counts:
            assert count["whole"] == 0 and count["all"] / 2 <= count["share"] < count["all"] * 0.51
