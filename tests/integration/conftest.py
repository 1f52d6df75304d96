import pytest

from llavaction.cli import build_sft
from llavaction.config.compose import compose_config
from llavaction.toy_kitchen.scenes import KitchenConfig
from llavaction.toy_kitchen.write import write_kitchen

KITCHEN = {
    "num_train_participants": 2,
    "num_validation_participants": 1,
    "num_videos_per_participant": 1,
    "num_segments_per_video": 12,
    "fps": 6,
}


@pytest.fixture(scope="session")
def kitchen(tmp_path_factory):
    """The folder of a kitchen of 24 training and 12 validation segments, with samples of both kinds."""
    folder = tmp_path_factory.mktemp("kitchen")
    write_kitchen(KitchenConfig(**KITCHEN), folder / "kitchen")
    predictions = folder / "kitchen" / "specialists" / "toy_specialist"
    for strategy in ("random", "specialist"):
        overrides = ["paths=demo", f"paths.output={folder}", f"distractors={strategy}"]
        if strategy == "specialist":
            overrides += [f"distractors.{split}_file={predictions}_{split}.json" for split in ("train", "validation")]
        build_sft.run(compose_config("build_sft", overrides))
    return folder


@pytest.fixture(scope="session")
def train_arguments(kitchen):
    """A short training run of the tiny model; add `output=` and what else differs."""
    return [
        "train",
        "experiment=toy_kitchen/hard_action_token",
        f"paths.output={kitchen}",
        "train.max_steps=4",
        "train.log_every=1",
        "train.num_workers=0",
        "train.batch_size=4",
    ]


@pytest.fixture(scope="session")
def checkpoint(train_arguments, tmp_path_factory):
    """The checkpoint of such a run on one process, and its run folder's parent."""
    from llavaction.testing.processes import run_command

    folder = tmp_path_factory.mktemp("one_process")
    run_command([*train_arguments, f"output={folder}"])
    return folder / "checkpoint"
