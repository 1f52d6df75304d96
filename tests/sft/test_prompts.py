from __future__ import annotations

from pathlib import Path

import pytest

from llavaction.annotations.epic_kitchens import Annotations
from llavaction.sft.prompts import PromptsConfig
from llavaction.text.matching import normalise
from llavaction.utils.errors import ConfigError
from tests.sft.worlds import PROMPTS, PROMPTS_FOLDER, load_prompts

SNAPSHOTS = Path(__file__).resolve().parents[1] / "snapshots" / "prompts"
TEXTS = ["put down plate", "take plate", "wash {cup}"]


def test_options_are_lettered_lines() -> None:
    assert PROMPTS.question(TEXTS) == "Which is it?\nA. put down plate\nB. take plate\nC. wash {cup}"
    assert PROMPTS.answer(1, "take plate") == "B. take plate"


def make(**templates: str) -> PromptsConfig:
    return PromptsConfig(**{"name": "odd", "mqa_question": "{options}", "direct_question": "What?", **templates})


@pytest.mark.parametrize(
    ("field", "template"),
    [
        ("mqa_question", "Which?"),  # missing
        ("mqa_question", "Which? {option}"),  # unknown
        ("mqa_question", "Which of {num}? {options}"),
        ("mqa_option", "{text}"),
        ("mqa_option", "{letter}. {}"),
        ("mqa_option", "{letter}. {0}"),
        ("mqa_option", "{letter}. {text.__class__}"),
        ("mqa_option", "{letter}. {text} {text.__class__}"),
        ("mqa_option", "{letter}. {text[0]}"),
        ("mqa_option", "{letter}. {text!r}"),
        ("mqa_option", "{letter}. {text:>20}"),
        ("mqa_option", "{letter}. {text:{letter.__class__}}"),
        ("mqa_answer", "{letter}"),
        ("direct_question", "What {verb}?"),
        ("direct_answer", "They {verb}."),
        ("direct_answer", "Nothing."),
    ],
)
def test_other_placeholders_are_refused(field: str, template: str) -> None:
    with pytest.raises(ConfigError) as failure:
        make(**{field: template})
    assert f"prompts 'odd': {field} = {template!r}" in str(failure.value)
    assert "must use exactly" in str(failure.value)


@pytest.mark.parametrize("template", ["{letter}. {text", "letter}. {text}"])
def test_a_lone_brace_is_refused(template: str) -> None:
    with pytest.raises(ConfigError, match="prompts 'odd': mqa_option"):
        make(mqa_option=template)


def test_doubled_braces_are_braces() -> None:
    assert make(mqa_option="{{{letter}}} {text}").question(["take plate"]) == "{A} take plate"


def render(prompts: PromptsConfig) -> str:
    """Everything a prompt file can say."""
    return "\n".join(
        [
            f"name: {prompts.name}",
            f"version: {prompts.version}",
            "",
            "--- mqa question",
            prompts.question(TEXTS),
            "--- mqa answer",
            prompts.answer(1, TEXTS[1]),
            "--- direct question",
            prompts.direct_question,
            "--- direct answer",
            prompts.direct_answer.format(narration=TEXTS[1]),
            "",
        ]
    )


PROMPT_FILES = sorted(path.stem for path in PROMPTS_FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", PROMPT_FILES)
def test_wording_changes_only_with_the_version(name: str) -> None:
    prompts = load_prompts(PROMPTS_FOLDER / f"{name}.yaml")
    snapshot = SNAPSHOTS / f"{name}.txt"
    rendered = render(prompts)
    expected = snapshot.read_text(encoding="utf-8") if snapshot.is_file() else ""
    assert rendered == expected, (
        f"configs/prompts/{name}.yaml no longer says what {snapshot} holds. Where the wording was meant to change, "
        f"raise `version` in the YAML file and put this into the snapshot:\n{rendered}"
    )


@pytest.mark.parametrize("name", PROMPT_FILES)
def test_no_question_holds_a_narration_of_its_own(ek100: Annotations, name: str) -> None:
    prompts = load_prompts(PROMPTS_FOLDER / f"{name}.yaml")
    stem = normalise(f"{prompts.mqa_question.format(options='')} {prompts.direct_question}")
    narrations = {normalise(segment.narration) for segment in [*ek100.train, *ek100.validation]}
    assert [text for text in narrations if f" {text} " in f" {stem} "] == []


def test_every_snapshot_has_its_prompt_file() -> None:
    assert PROMPT_FILES
    assert sorted(path.stem for path in SNAPSHOTS.iterdir()) == PROMPT_FILES


@pytest.mark.parametrize("name", PROMPT_FILES)
def test_a_prompt_file_is_named_as_it_says(name: str) -> None:
    assert load_prompts(PROMPTS_FOLDER / f"{name}.yaml").name == name
