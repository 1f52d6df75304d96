"""What a user reads when a configuration is wrong: the key, the value, and the nearest that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.utils.errors import ConfigError
from tests.config.minimal import composed


def problem(root: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        composed(root, *overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("root", "override", "key", "hint"),
    [
        ("train", "+train.epohcs=1", "train.epohcs", "train.epochs"),
        ("train", "train.lr.visoin=1", "train.lr.visoin", "train.lr.vision"),
        ("train", "modle=tiny", "modle", "model"),
        ("train", "mixture.datasets.mqa.repaet=1", "mixture.datasets.mqa.repaet", "mixture.datasets.mqa.repeat"),
        ("evaluate", "+evaluation.tasks.x.sampels=f", "evaluation.tasks.x.sampels", "evaluation.tasks.x.samples"),
        ("demo", "kitchen.sede=1", "kitchen.sede", "kitchen.seed"),
    ],
)
def test_an_unknown_key_comes_with_the_nearest(root: str, override: str, key: str, hint: str) -> None:
    assert problem(root, override) == f"unknown key '{key}'; did you mean '{hint}'?"


def test_a_key_like_none_comes_without_a_hint() -> None:
    assert problem("train", "+xyzzy=1") == "unknown key 'xyzzy'"


@pytest.mark.parametrize(
    ("override", "start"),
    [
        ("model=tyny", "model=tyny: no such choice; did you mean 'tiny'? (known: checkpoint, "),
        (
            "experiment=toy_kitchen/hrad",
            "experiment=toy_kitchen/hrad: no such choice; did you mean 'toy_kitchen/hard'? (known: ",
        ),
    ],
)
def test_an_unknown_choice_comes_with_the_nearest_and_all(override: str, start: str) -> None:
    assert problem("train", override).startswith(start)


@pytest.mark.parametrize(("root", "override"), [("evaluate", "model=tiny"), ("ask", "paths=demo")])
def test_the_group_of_another_command_is_no_key(root: str, override: str) -> None:
    assert problem(root, override).startswith(f"'{override.partition('=')[0]}' is no group of this command; its groups")


def test_the_experiment_of_another_command_is_named() -> None:
    text = problem("build_sft", "experiment=toy_kitchen/hard")

    assert "experiment/toy_kitchen/hard" in text
    assert "is no group of this command" in text


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("train.epochs=abc", "train.epochs=abc: Value 'abc' of type 'str' could not be converted to Float"),
        ("train.lr=3", "train.lr=3: Invalid type assigned: int is not a subclass of LearningRates. value: 3"),
        ("+mixture.datasets.x.repeat=a", "+mixture.datasets.x.repeat=a: Value 'a' of type 'str' could not be"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(override: str, text: str) -> None:
    assert problem("train", override).startswith(text)


@pytest.mark.parametrize(
    ("root", "override", "words"),
    [
        ("train", "model.newline=gird", "[grid, frame, one_token]"),
        ("train", "train.freeze=[visoin]", "[vision, projector, decoder, action, lora]"),
    ],
)
def test_a_wrong_word_comes_with_the_right_ones(root: str, override: str, words: str) -> None:
    value = override.partition("=")[2].strip("[]")

    assert problem(root, override).startswith(f"{override}: Invalid value '{value}', expected one of {words}")


def test_a_key_that_has_to_be_added_is_told_from_a_wrong_one() -> None:
    text = "is not there yet; add it with +"

    assert problem("report", "report.rows.mine=x") == f"report.rows.mine {text}report.rows.mine=VALUE"
    assert problem("train", "mixture.datasets.new.path=x").startswith(f"mixture.datasets.new.path {text}")
    assert problem("train", "deepspeed.zero_optimization.stage=2").startswith(
        f"deepspeed.zero_optimization.stage {text}"
    )


@pytest.mark.parametrize("override", ["train.epochs", "train.epochs=[1", "output=/tmp/(x)", "output=a,b"])
def test_an_override_that_cannot_be_read_is_shown_with_the_remedy(override: str) -> None:
    text = problem("train", override)

    assert text.startswith(f"cannot read '{override}'; write KEY=VALUE")
    assert "\n" not in text


def test_a_number_is_no_choice() -> None:
    assert "must be a string" in problem("train", "train=3")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epohcs: 3", "train/mine.yaml: unknown key 'train.epohcs'; did you mean 'train.epochs'?"),
        (
            "precision: fp64",
            "train/mine.yaml: train.precision: Invalid value 'fp64', expected one of [fp32, bf16, fp16]",
        ),
        ("- a", "train/mine.yaml: Invalid type assigned: list is not a subclass of TrainConfig"),
        ("epochs: [1", "a config file is not YAML: while parsing a flow sequence in "),
    ],
)
def test_a_wrong_file_of_ones_own_is_named(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "mine.yaml").write_text(text)

    found = problem("train", f"hydra.searchpath=['file://{tmp_path}']", "train=mine")

    assert found.startswith(expected)
    assert "mine.yaml" in found
