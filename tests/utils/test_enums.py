from __future__ import annotations

from dataclasses import dataclass

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ValidationError

from llavaction.utils.enums import StrEnum


class Colour(StrEnum):
    DARK_RED = "dark_red"
    BLUE = "blue"


@dataclass
class Paint:
    colour: Colour = Colour.BLUE


def test_members_are_looked_up_by_word_and_by_name() -> None:
    assert Colour["dark_red"] is Colour.DARK_RED
    assert Colour["DARK_RED"] is Colour.DARK_RED
    assert Colour("dark_red") is Colour.DARK_RED


@pytest.mark.parametrize("word", ["green", "Dark_Red", ""])
def test_an_unknown_word_is_a_key_error(word: str) -> None:
    with pytest.raises(KeyError):
        Colour[word]


def test_members_print_as_their_word() -> None:
    assert f"{Colour.DARK_RED}" == str(Colour.DARK_RED) == "dark_red"
    assert "-".join([Colour.DARK_RED, Colour.BLUE]) == "dark_red-blue"
    assert Colour.DARK_RED == "dark_red"


def test_omegaconf_reads_the_word_into_the_member() -> None:
    config = OmegaConf.merge(OmegaConf.structured(Paint), OmegaConf.create("colour: dark_red"))
    paint = OmegaConf.to_object(config)
    assert isinstance(paint, Paint)
    assert paint.colour is Colour.DARK_RED


def test_omegaconf_refuses_an_unknown_word() -> None:
    with pytest.raises(ValidationError, match="green"):
        OmegaConf.merge(OmegaConf.structured(Paint), {"colour": "green"})
