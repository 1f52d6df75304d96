from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llavaction.config.compose import compose_config
from llavaction.evaluation.config import CHOICES, EvaluationConfig, MqaMode, TaskConfig, TaskName
from llavaction.evaluation.contestants.config import ASKABLE, ApiConfig, check_askable
from llavaction.utils.errors import ConfigError
from tests.api.worlds import KEY
from tests.evaluation.contestants.worlds import make_api

TASKS = {"mqa": "tim", "mqa_random": "random", "mqa_avion": "avion"}
"""The tasks of the paper's table, and where their distractors come from."""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base_url": f"http://me:{KEY}@host/v1"}, r"^api\.base_url: must hold no user"),
        ({"key_variable": KEY}, r"^api\.key_variable: "),
        ({"extra": {"n": 2}}, r"^api\.extra sets \['n'\]"),
        ({"num_frames": 0}, r"^api\.num_frames = 0"),
        ({"frame_tokens": 0}, r"^api\.frame_tokens = 0"),
        ({"reasoning_tokens": -1}, r"^api\.reasoning_tokens = -1"),
        ({"budget": 1.0}, r"^api\.budget needs api\.input_price"),
    ],
)
def test_values_are_checked(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        make_api(tmp_path, **fields)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("kind", ASKABLE)
def test_what_a_writer_can_do(kind: TaskName) -> None:
    mode = {"mode": MqaMode.GENERATE} if kind in CHOICES else {}

    check_askable(EvaluationConfig(tasks={"t": TaskConfig(task=kind, samples="s", **mode)}))


def test_frames_are_those_of_the_api_section() -> None:
    tasks = {"t": TaskConfig(samples="s", mode=MqaMode.GENERATE)}
    with pytest.raises(ConfigError, match=r"evaluation\.num_frames = 4: a server is shown api\.num_frames"):
        check_askable(EvaluationConfig(tasks=tasks, num_frames=4))


@pytest.mark.parametrize("kind", [kind for kind in TaskName if kind not in ASKABLE])
def test_tasks_that_look_inside_are_refused(kind: TaskName) -> None:
    with pytest.raises(ConfigError, match=rf"evaluation\.tasks\.t: a task of kind {kind}.*~evaluation\.tasks\.t"):
        check_askable(EvaluationConfig(tasks={"t": TaskConfig(task=kind, samples="s")}))


@pytest.mark.parametrize("mode", [mode for mode in MqaMode if mode is not MqaMode.GENERATE])
def test_likelihoods_are_refused_with_the_mode_to_take(mode: MqaMode) -> None:
    config = EvaluationConfig(tasks={"t": TaskConfig(samples="s", mode=mode)})

    with pytest.raises(ConfigError, match=r"evaluation\.tasks\.t\.mode=generate"):
        check_askable(config)


def compose(*overrides: str) -> Any:
    return compose_config("evaluate_api", ["paths.videos=v", *overrides])


@pytest.mark.parametrize(("name", "model"), [("gpt_4o", "gpt-4o"), ("gpt_4o_mini", "gpt-4o-mini")])
def test_the_papers_table_is_a_command_for_each_model(name: str, model: str) -> None:
    root = compose(f"experiment=eval/{name}")

    check_askable(root.evaluation)
    assert (root.api.model, root.api.num_frames) == (model, 8)
    assert {task: settings.samples for task, settings in root.evaluation.tasks.items()} == {
        task: f"runs/sft/benchmark_{distractors}/validation_mqa.jsonl" for task, distractors in TASKS.items()
    }


@pytest.mark.parametrize("distractors", TASKS.values())
def test_its_questions_are_built_by_an_experiment(distractors: str) -> None:
    built = compose_config("build_sft", [f"experiment=data/benchmark_{distractors}", "paths.annotations=a"])

    assert built.output == f"runs/sft/benchmark_{distractors}"
    assert (built.sft.num_options, built.distractors.strategy == "random") == (5, distractors == "random")


def test_a_server_of_ones_own() -> None:
    root = compose("api=local", "api.model=m", "paths.sft=s")

    assert (root.api.key_variable, root.api.input_price) == (None, 0.0)
    with pytest.raises(ConfigError, match=r"api\.model is not set"):
        compose("api=local", "paths.sft=s")


def test_frames_are_reckoned_as_each_model_does() -> None:
    assert compose("paths.sft=s").api.frame_tokens is None
    assert compose("api=gpt_4o_mini", "paths.sft=s").api.frame_tokens == 2833 + 2 * 5667


def test_the_prompt_has_a_name_and_says_what_the_pictures_are() -> None:
    api: ApiConfig = compose("paths.sft=s").api

    assert (api.prompt.name, api.prompt.version) == ("frames_in_order", 1)
    assert "in order of time" in api.prompt.system
