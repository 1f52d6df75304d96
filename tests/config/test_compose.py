"""Every command and every choice composes; words, round trips, and folders of a user's own."""

from __future__ import annotations

import shlex
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from llavaction.config.compose import choices, compose_config, config_folder, groups_of, resolved_yaml, saved_config
from llavaction.config.schema import ROOTS
from llavaction.evaluation.config import EvaluationConfig, TaskConfig
from llavaction.model.config import ActionSupervision, LossWeights, ModelConfig, NewlinePosition
from llavaction.processing.mixture import DatasetConfig
from llavaction.reports.config import GalleryConfig, ReportConfig
from llavaction.sft.config import SftConfig
from llavaction.sft.distractors import StrategyName
from llavaction.sft.distractors.validity import ValidityConfig
from llavaction.sft.replay import ReplayConfig
from llavaction.sft.samples import View
from llavaction.toy_kitchen.scenes import KitchenConfig
from llavaction.training.config import LearningRates, Part, Precision, TrainConfig
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError
from llavaction.video.layout import VideoLayout
from tests.config.minimal import MINIMAL, composed, config_classes, enum_fields

EXPERIMENTS = choices()["experiment"]
# What a choice needs beside itself; a new model has no checkpoint, so that its own values are what composes.
BESIDE = {
    "api=local": ["api.model=m"],
    "api=openai": ["api.model=m"],
    "judge=local": ["judge.model=m"],
    "judge=openai": ["judge.model=m"],
    "encoder=huggingface": ["encoder.model=saved"],
    "model=checkpoint": ["model.checkpoint=saved"],
    "model=llava_ov_0.5b": ["model.tokenizer=tok"],
    "model=llava_ov_7b": ["model.tokenizer=tok"],
    "model=qwen3_0.6b_siglip2": ["model.tokenizer=tok"],
    "video=frames": ["paths.annotations=ann"],
}


def rounds(root: str) -> list[list[str]]:
    """Lists of choices, one of each group, so that every choice of a command is in one of them."""
    groups = {group: choices()[group] for group in groups_of(root) if group != "experiment"}
    return [
        [f"{group}={names[number % len(names)]}" for group, names in groups.items()]
        for number in range(max(map(len, groups.values()), default=0))
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("root", ROOTS)
def test_each_command_composes_with_the_least_it_needs(root: str) -> None:
    assert type(composed(root)) is ROOTS[root]


@pytest.mark.thorough
@pytest.mark.parametrize(("root", "chosen"), [(root, chosen) for root in ROOTS for chosen in rounds(root)])
def test_every_choice_composes_with_its_command(root: str, chosen: list[str]) -> None:
    least = [override for override in MINIMAL[root] if not (root == "train" and override.startswith("model."))]
    beside = [override for choice in chosen for override in BESIDE.get(choice, [])]

    assert type(compose_config(root, [*least, *chosen, *beside])) is ROOTS[root]


@pytest.mark.thorough
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_each_experiment_names_a_command_that_composes(name: str) -> None:
    lines = (config_folder() / "experiment" / f"{name}.yaml").read_text().splitlines()
    command = next(line for line in lines if line.startswith("# llavaction "))
    words = shlex.split(command.removeprefix("# llavaction ").partition("(")[0])
    root = compose_config(words[0].replace("-", "_"), words[1:])

    assert f"experiment={name}" in words
    evaluated = {"evaluate": "evaluate/", "evaluate-api": "evaluate/", "report": ""}
    folder = {"train": "train/", "build-sft": "sft/", **evaluated}
    base = "runs/demo" if name.startswith("toy_") else "runs"
    assert root.output == f"{base}/{folder[words[0]]}{Path(name).name}"


def test_no_group_is_without_a_command() -> None:
    assert set(choices()) == {group for root in ROOTS for group in groups_of(root)}


def test_the_groups_of_a_command_are_those_of_its_defaults_list() -> None:
    assert groups_of("evaluate") == ["paths", "video", "evaluation", "encoder", "experiment"]
    assert groups_of("demo") == []


def test_overrides_arrive_as_typed_values() -> None:
    root = composed(
        "train",
        "train.epochs=2",
        "train.freeze=[vision,projector]",
        "train.precision=fp32",
        "model.newline=one_token",
        "model.supervision=none",
        "video.layout=whole",
    )

    assert root.train.epochs == 2.0
    assert root.train.freeze == [Part.VISION, Part.PROJECTOR]
    assert root.train.precision is Precision.FP32
    assert root.model.newline is NewlinePosition.ONE_TOKEN
    assert root.model.supervision is ActionSupervision.NONE
    assert root.video.layout is VideoLayout.WHOLE


def test_lists_of_words_arrive_as_enums() -> None:
    root = composed("build_sft", "sft.views=[direct]", "paths=demo", "paths.output=/tmp/d")

    assert root.sft.views == [View.DIRECT]
    assert root.output == "/tmp/d/sft/random"


@pytest.mark.parametrize("name", choices()["distractors"])
def test_each_strategy_is_a_choice_of_its_name(name: str) -> None:
    assert composed("build_sft", f"distractors={name}").distractors.strategy == name


def test_every_strategy_is_a_choice() -> None:
    assert set(choices()["distractors"]) == {name.value for name in StrategyName}


def test_parts_of_a_build_can_be_set_one_by_one() -> None:
    root = composed(
        "build_sft",
        "distractors=mixed",
        "+distractors.weights.specialist=2",
        "distractors.fallback=[random]",
        "distractors.validity.max_similarity=0.9",
        "distractors.validation_file=tim.json",
        "sft.prior.num_actions=3",
        "sft.replay.path=mix.json",
        "encoder=hashing",
    )

    assert root.distractors.weights == {"same_verb": 1.0, "same_noun": 1.0, "random": 1.0, "specialist": 2.0}
    assert root.distractors.fallback == [StrategyName.RANDOM]
    assert root.distractors.validity == ValidityConfig(max_similarity=0.9)
    assert root.sft.prior.num_actions == 3
    assert root.sft.replay == ReplayConfig("mix.json")


@pytest.mark.parametrize(("kind", "name", "enum"), enum_fields(config_classes(), StrEnum))
def test_every_word_can_be_written_in_yaml_as_it_is(kind: type, name: str, enum: type[StrEnum]) -> None:
    for member in enum:
        written = OmegaConf.create(f"{name}: {member.value}")
        assert OmegaConf.merge(OmegaConf.structured(kind), written)[name] is member


def test_new_elements_of_a_dict_can_be_added() -> None:
    root = composed("evaluate", "+evaluation.tasks.mine.samples=${paths.sft}/q.jsonl", "+evaluation.tasks.mine.limit=3")

    assert root.evaluation.tasks["mine"].samples == "sft/q.jsonl"
    assert root.evaluation.tasks["mine"].limit == 3
    assert {"mqa", "direct"} < set(root.evaluation.tasks)


def test_dicts_take_whole_elements_and_lose_them() -> None:
    root = composed(
        "train",
        "+mixture.datasets.mine={path: q.jsonl, repeat: 2}",
        "~mixture.datasets.direct",
        "deepspeed=zero2",
        "+deepspeed.zero_optimization.offload_optimizer.device=cpu",
    )

    assert set(root.mixture.datasets) == {"mqa", "mine"}
    assert (root.mixture.datasets["mine"].path, root.mixture.datasets["mine"].repeat) == ("q.jsonl", 2.0)
    assert root.deepspeed["zero_optimization"]["offload_optimizer"] == {"device": "cpu"}
    assert root.deepspeed["zero_optimization"]["stage"] == 2


def test_datasets_are_chosen_by_name() -> None:
    paper = composed("train", "mixture=paper").mixture.datasets
    chosen = composed("train", "mixture=paper", "datasets=[mqa,direct]", "mixture.datasets.mqa.limit=random:25%")

    assert {"temporal_order", "random_mqa", "temporal_detection", "direct", "replay"} < set(paper)
    assert {path.stem for path in (config_folder() / "datasets").glob("*.yaml")} == {*paper, "mqa"}
    assert paper["random_mqa"].path == "runs/sft/random/train_mqa.jsonl"
    assert set(chosen.mixture.datasets) == {"mqa", "direct"}
    assert chosen.mixture.datasets["mqa"] == DatasetConfig("sft/train_mqa.jsonl", limit="random:25%")


def test_an_experiment_chooses_its_datasets(tmp_path: Path) -> None:
    lines = ["# @package _global_", "defaults:", "  - override /mixture: paper", "  - override /datasets: [qa, replay]"]
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("\n".join(lines))
    mine = [f"hydra.searchpath=['file://{tmp_path}']", "experiment=mine"]

    assert set(composed("train", *mine).mixture.datasets) == {"qa", "replay"}
    assert set(composed("train", *mine, "datasets=[qa]").mixture.datasets) == {"qa"}


def test_a_table_needs_no_videos() -> None:
    assert composed("report").video.folder == "."
    assert composed("report", "paths.videos=v").video.folder == "v"


@pytest.mark.parametrize("root", ROOTS)
def test_resolved_yaml_gives_back_every_value(root: str) -> None:
    config = composed(root)
    text = resolved_yaml(config)
    loaded = yaml.safe_load(text)

    assert "???" not in text
    assert "${" not in text
    for field in fields(config):
        section = getattr(config, field.name)
        if is_dataclass(section) and not isinstance(section, type):
            again = OmegaConf.merge(OmegaConf.structured(type(section)), loaded[field.name])
            assert OmegaConf.to_object(again) == section
        else:
            assert loaded[field.name] == section


def test_resolved_yaml_holds_the_words() -> None:
    loaded = yaml.safe_load(resolved_yaml(composed("train")))

    assert loaded["model"]["newline"] == "grid"
    assert loaded["train"]["precision"] == "bf16"
    assert loaded["paths"] == {"annotations": None, "videos": "vid", "output": "runs", "sft": "sft"}


BUILDS = [
    [],
    ["sft=all_views", "distractors=mixed", "+distractors.weights.specialist=2", "distractors.validation_file=tim.json"],
    ["sft=class_keys", "distractors=self_mined", "distractors.self_mined.format=npz", "distractors.fallback=[]"],
    ["sft.replay.path=mix.json", "sft.replay.limit=3", "sft.clip_annotations=[a.jsonl]", "encoder=minilm"],
    ["prompts=third_person", "prompts.detection_question=null", "distractors.validity.max_similarity=0.9"],
]


@pytest.mark.parametrize("overrides", BUILDS)
def test_a_saved_configuration_comes_back_as_it_was(tmp_path: Path, overrides: list[str]) -> None:
    config = composed("build_sft", *overrides)
    path = tmp_path / "config.yaml"
    path.write_text(resolved_yaml(config))

    assert saved_config("build_sft", path, []) == config


def test_a_saved_configuration_can_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(resolved_yaml(composed("build_sft", "distractors=mixed")))
    root = saved_config(
        "build_sft", path, ["annotations.folder=elsewhere", "sft.views=[direct]", "distractors.weights.random=5"]
    )

    assert root.annotations.folder == "elsewhere"
    assert root.paths.annotations == "ann"
    assert root.sft.views == [View.DIRECT]
    assert root.distractors.weights == {"same_verb": 1.0, "same_noun": 1.0, "random": 5.0}


@pytest.mark.parametrize(
    ("text", "overrides", "problem"),
    [
        ("", ["sft.sead=1"], r"unknown key 'sft\.sead'; did you mean 'sft\.seed'\?"),
        ("", ["sft.seed=many"], r"sft\.seed=many: .*'many'"),
        ("", ["sft.num_options=99"], r"sft\.num_options = 99"),
        ("", ["sft.seed"], r"sft\.seed"),
        ("sft: {sead: 1}\n", [], r"config\.yaml: .*sead"),
        ("sft: [\n", [], r"config\.yaml: "),
        ("nothing: {}\n", [], r"config\.yaml: .*nothing"),
    ],
)
def test_what_a_saved_configuration_cannot_be_is_refused(
    tmp_path: Path, text: str, overrides: list[str], problem: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text or resolved_yaml(composed("build_sft")))

    with pytest.raises(ConfigError, match=problem):
        saved_config("build_sft", path, overrides)


def test_a_folder_of_ones_own_is_searched_too(tmp_path: Path) -> None:
    folder = tmp_path / "my configs"
    prompts = asdict(composed("build_sft").prompts) | {"name": "mine", "direct_question": "What now?"}
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts" / "mine.yaml").write_text(yaml.safe_dump(prompts))
    root = composed("build_sft", f"hydra.searchpath=['file://{folder}']", "prompts=mine")

    assert root.prompts.direct_question == "What now?"


@pytest.mark.parametrize(
    ("root", "overrides", "missing"),
    [
        ("build_sft", [], "paths.annotations"),
        ("train", [], "paths.videos"),
        ("train", ["paths.videos=v", "paths.sft=s"], "model.checkpoint"),
        ("train", ["paths.videos=v", "paths.sft=s", "model=llava_ov_7b"], "model.tokenizer"),
        ("evaluate", [*MINIMAL["evaluate"], "+evaluation.tasks.x.limit=1"], "evaluation.tasks.x.samples"),
    ],
)
def test_a_missing_value_is_named_by_the_path_to_set(root: str, overrides: list[str], missing: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_config(root, overrides)

    assert str(caught.value).startswith(f"{missing} is not set; ")
    assert f"{missing}=" in str(caught.value)


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("train.epochs=-1", "train.epochs = -1.0"),
        ("train.freeze=[vision,projector,decoder,action]", "nothing is left to train"),
        ("train.eval_every=5", "train.eval_every = 5 and no tasks to ask"),
    ],
)
def test_values_that_contradict_each_other_are_refused(override: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        composed("train", override)


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        (LearningRates, {"vision": 0.0}, "train.lr.vision = 0.0"),
        (TrainConfig, {"batch_size": 0}, "train.batch_size = 0"),
        (TrainConfig, {"max_steps": -1}, "train.max_steps = -1"),
        (LossWeights, {"action": -1.0}, "loss weight action = -1.0"),
        (ModelConfig, {"attention": "flash"}, "must be one of sdpa, eager"),
        (DatasetConfig, {"repeat": 0.0}, "repeat = 0.0"),
        (DatasetConfig, {"limit": "frist:3"}, "did you mean 'first'"),
        (SftConfig, {"num_options": 27}, "sft.num_options = 27"),
        (SftConfig, {"views": [View.MQA, View.MQA]}, "none twice"),
        (EvaluationConfig, {"batch_size": 0}, "batch_size"),
        (EvaluationConfig, {"tasks": {"a/b": TaskConfig()}}, "'a/b' names files"),
        (TaskConfig, {"limit": 0}, "limit = 0"),
        (ReportConfig, {"columns": {"x": "accuracy"}}, "must be task.metric"),
        (GalleryConfig, {"task": "mqa"}, "report.gallery.samples=FILE"),
        (GalleryConfig, {"num_frames": 0}, "num_frames"),
        (KitchenConfig, {"fps": 1}, "fps is 1"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(kind: Any, values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        kind(**values)


def test_interpolations_of_unknown_keys_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"paths\.vidoes"):
        composed("train", "output=${paths.vidoes}")
