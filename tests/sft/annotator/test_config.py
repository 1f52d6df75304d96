from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llavaction.config.compose import compose_config
from llavaction.sft.annotator.config import AnnotatorConfig
from llavaction.utils.errors import ConfigError
from tests.api.worlds import KEY
from tests.sft.annotator.worlds import PROMPT, make_config

NAMES = ("first_person", "third_person", "local")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base_url": "localhost:8000"}, "base_url"),
        ({"base_url": f"http://me:{KEY}@host/v1"}, "no user, password or query"),
        ({"base_url": f"http://host/v1?key={KEY}"}, "no user, password or query"),
        ({"key_variable": KEY}, "the name of an environment variable, not a key"),
        ({"extra": {"model": "x", "top_p": 1}}, r"\['model'\]"),
        ({"extra": {"response_format": {}}}, "response_format"),
        ({"num_frames": 0}, "num_frames = 0"),
        ({"limit": 0}, "limit = 0"),
        ({"concurrency": 0}, "concurrency = 0"),
        ({"num_answers": 0}, "num_answers = 0"),
        ({"max_retries": -1}, "max_retries = -1"),
        ({"requests_per_minute": 0}, "requests_per_minute = 0"),
        ({"jpeg_quality": 96}, "jpeg_quality = 96"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"input_price": 1.0}, "come together"),
        ({"input_price": 1.0, "output_price": -1.0}, "output_price = -1"),
        ({"budget": 1.0}, "budget needs"),
    ],
)
def test_values_are_checked(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        make_config(tmp_path, **fields)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "template"),
    [
        ("caption", "no name in it"),
        ("caption", "{narration.__class__}"),
        ("caption", "{narration!r}"),
        ("caption", "{narration} {}"),
        ("caption", "{narration"),
        ("qa", "{narration}"),
        ("qa", "{narration} {caption} {more}"),
    ],
)
def test_templates_hold_what_is_filled_in(field: str, template: str) -> None:
    with pytest.raises(ConfigError, match=f"annotator.prompt.{field}"):
        replace(PROMPT, **{field: template})


def compose(name: str, *overrides: str) -> AnnotatorConfig:
    paths = ["paths.annotations=a", "paths.videos=v"]
    config: AnnotatorConfig = compose_config("annotate", [*paths, f"annotator={name}", *overrides]).annotator
    return config


@pytest.mark.parametrize("name", NAMES)
def test_the_choices_can_be_composed(name: str) -> None:
    config = compose(name, "annotator.model=m", "+annotator.extra.temperature=0.5")

    assert config.cache == "runs/annotator_cache"
    assert config.extra == {"temperature": 0.5}
    # Models are told the form of the answer, which our parser insists on.
    assert all(word in config.prompt.caption_format for word in ('"agrees"', '"caption"'))
    assert all(word in config.prompt.qa_format for word in ('"pairs"', '"question"', '"answer"'))


@pytest.mark.parametrize("name", NAMES)
def test_the_model_has_to_be_chosen(name: str) -> None:
    with pytest.raises(ConfigError, match=r"annotator\.model is not set"):
        compose(name)


def test_a_local_server_needs_no_key() -> None:
    config = compose("local", "annotator.model=m")

    assert config.key_variable is None
    assert (config.prompt.name, config.input_price) == ("first_person", 0.0)
