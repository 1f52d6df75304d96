"""The options of `llavaction ask` among its overrides, and the question they make."""

from __future__ import annotations

import shlex

import pytest

from llavaction.cli.ask import _parse, _question, main
from llavaction.utils.errors import ConfigError
from tests.config.minimal import composed


def test_options_may_hold_spaces_and_equal_signs() -> None:
    options, overrides = _parse(
        shlex.split("--video 'my films/a=b.mp4' --question 'Is 1 + 1 = 2 here?' --options 'pour a = b' 'flip it'")
    )

    assert options.video == "my films/a=b.mp4"
    assert options.question == "Is 1 + 1 = 2 here?"
    assert options.options == ["pour a = b", "flip it"]
    assert overrides == []


def test_overrides_may_stand_anywhere() -> None:
    options, overrides = _parse(
        shlex.split(
            "model.checkpoint=x --video a.mp4 prompts=third_person --options one two +a.b=c 'three' video.layout=whole"
        )
    )

    assert options.options == ["one", "two", "three"]
    assert overrides == ["model.checkpoint=x", "prompts=third_person", "+a.b=c", "video.layout=whole"]


def test_times_are_seconds() -> None:
    options, _ = _parse(["--video", "a.mp4", "--start", "2", "--stop", "5.5"])

    assert (options.start, options.stop) == (2.0, 5.5)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("", "--video"),
        ("--question what", "--video"),
        ("--video", "expected one argument"),
        ("--video a.mp4 --start soon", "invalid float value: 'soon'"),
        ("--video a.mp4 --vdeo b.mp4", "--vdeo"),
        ("--video a.mp4 --quest what", "--quest"),
        ("--video a.mp4 stray", "stray"),
        ("--video a.mp4 --options", "--options"),
    ],
)
def test_mistakes_are_errors_with_a_way_out(words: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _parse(words.split())

    assert text in str(caught.value)
    assert str(caught.value).endswith("; see llavaction ask --help")


@pytest.mark.parametrize(
    "choices", [["one"], ["same", "same"], [str(number) for number in range(27)]], ids=["one", "twice", "27"]
)
def test_wrong_choices_are_refused_before_anything_is_loaded(choices: list[str]) -> None:
    with pytest.raises(ConfigError, match="--options needs 2 to 26 choices, none twice"):
        main(["--video", "no_such.mp4", "model.checkpoint=no/such/folder", "--options", *choices])


def question(words: str) -> str:
    options, overrides = _parse(["--video", "a.mp4", *shlex.split(words)])
    return _question(options, composed("ask", *overrides))


def test_the_question_is_asked_as_it_is() -> None:
    assert question("--question 'What {now}?'") == "What {now}?"


def test_without_a_question_the_prompt_asks_for_the_action() -> None:
    assert question("") == composed("ask").prompts.direct_question


def test_choices_stand_below_the_question_with_letters() -> None:
    assert question("--question Which? --options 'flip it' '{odd}'") == "Which?\nA. flip it\nB. {odd}"


def test_choices_without_a_question_take_the_prompt() -> None:
    prompts = composed("ask").prompts

    assert question("--options one two") == prompts.mqa_question.format(options="A. one\nB. two")
