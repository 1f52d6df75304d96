"""Prompt files: what they must hold, and what they say."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.cli.main import main
from llavaction.sft.config import SftConfig
from llavaction.sft.distractors import DistractorsConfig
from llavaction.sft.factory import BuilderFactory, Recipe
from llavaction.sft.manifest import read_manifest
from llavaction.sft.prompts import PromptsConfig, seconds
from llavaction.sft.samples import View, read_samples
from llavaction.text.matching import normalise
from llavaction.utils.errors import ConfigError
from tests.annotations.ek100_files import write_ek100
from tests.sft.worlds import ONE_TEXT_EACH, PROMPTS, PROMPTS_FOLDER, load_prompts, make_annotations

SNAPSHOTS = Path(__file__).resolve().parents[1] / "snapshots" / "prompts"
TEXTS = ["put down plate", "take plate", "wash {cup}"]


def test_options_are_lettered_lines() -> None:
    assert PROMPTS.question(TEXTS) == "Which is it?\nA. put down plate\nB. take plate\nC. wash {cup}"
    assert PROMPTS.answer(1, "take plate") == "B. take plate"


def make(**templates: str | None) -> PromptsConfig:
    return PromptsConfig(**{"name": "odd", "mqa_question": "{options}", "direct_question": "What?", **templates})  # type: ignore[arg-type]


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
        ("prior_question", "{question}"),
        ("prior_question", "{actions} {question} {options}"),
        ("prior_action", "{before_s} s ago"),
        ("prior_action", "{text} {before_s:.1f} s ago"),
        ("detection_question", "When?"),
        ("detection_question", "When is {narration} in {clip_s} s, from {start_s}?"),
        ("detection_question", "When is {narration} in {clip_s!s} s?"),
        ("detection_answer", "{start_s}"),
        ("detection_answer", "{start_s} to {stop_s} of {clip_s}"),
        ("caption_question", "Describe {narration}."),
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


@pytest.mark.parametrize(
    ("field", "template"),
    [
        ("prior_action", "{text}"),
        ("prior_action", "{text}, {before_s} s ago"),
        ("detection_question", "When is {narration}?"),
        ("detection_question", "When is {narration}, for {duration_s} s?"),
        ("detection_question", "When in {clip_s} s is {narration}, for {duration_s} s?"),
        ("prior_question", None),
        ("detection_question", None),
        ("caption_question", None),
    ],
)
def test_what_is_optional_may_be_left_out(field: str, template: str | None) -> None:
    assert getattr(make(**{field: template}), field) == template


def test_the_error_names_what_is_optional_too() -> None:
    with pytest.raises(ConfigError, match=r"exactly \['narration'\] and may use \['clip_s', 'duration_s'\]"):
        make(detection_question="When?")


@pytest.mark.parametrize(
    ("view", "template"),
    [
        (View.TEMPORAL_ORDER, "prior_question"),
        (View.TEMPORAL_DETECTION, "detection_question"),
        (View.CAPTION, "caption_question"),
    ],
)
def test_a_view_without_its_template_is_refused(view: View, template: str) -> None:
    recipe = Recipe(SftConfig(), DistractorsConfig(), replace(PROMPTS, **{template: None}))  # type: ignore[arg-type]
    factory = BuilderFactory(make_annotations(ONE_TEXT_EACH, []), recipe)
    with pytest.raises(ConfigError, match=rf"prompts 'test' have no {template}; add it .* with sft\.views"):
        factory.builder(view, Split.TRAIN)
    factory.builder(View.MQA, Split.TRAIN)


def test_the_hash_changes_with_any_word_and_only_then() -> None:
    assert replace(PROMPTS).sha256 == PROMPTS.sha256
    others = [replace(PROMPTS, name="other"), replace(PROMPTS, version=2), replace(PROMPTS, caption_question="And?")]
    assert len({PROMPTS.sha256, *(other.sha256 for other in others)}) == 4


@pytest.mark.parametrize(("value", "text"), [(3, "3.00"), (0.005, "0.01"), (12.346, "12.35"), (0.0, "0.00")])
def test_seconds_have_two_decimals(value: float, text: str) -> None:
    assert seconds(value) == text


def render(prompts: PromptsConfig) -> str:
    """Everything a prompt file can say."""
    lines = [prompts.prior_action.format(text=text, before_s=when) for text, when in zip(TEXTS, ["7.25", "2.00"])]
    parts = {
        "mqa question": prompts.question(TEXTS),
        "mqa answer": prompts.answer(1, TEXTS[1]),
        "direct question": prompts.direct_question,
        "direct answer": prompts.direct_answer.format(narration=TEXTS[1]),
        "prior question": prompts.template("prior_question").format(
            actions="\n".join(lines), question=prompts.question(TEXTS)
        ),
        "detection question": prompts.template("detection_question").format(
            narration=TEXTS[1], duration_s="1.89", clip_s="4.89"
        ),
        "detection answer": prompts.detection_answer.format(start_s="0.75", stop_s="2.64"),
        "caption question": prompts.template("caption_question"),
    }
    heads = f"name: {prompts.name}\nversion: {prompts.version}\n\n"
    return heads + "".join(f"--- {name}\n{text}\n" for name, text in parts.items())


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
def test_no_question_for_an_action_holds_a_narration_of_its_own(ek100: Annotations, name: str) -> None:
    prompts = load_prompts(PROMPTS_FOLDER / f"{name}.yaml")
    stems = [
        prompts.mqa_question.format(options=""),
        prompts.template("prior_question").format(actions="", question=""),
        prompts.prior_action.format(text="", before_s=""),
        prompts.direct_question,
        prompts.template("caption_question"),
    ]
    # Temporal detection names its action; it asks for times.
    stem = normalise(" | ".join(stems))
    narrations = {normalise(segment.narration) for segment in [*ek100.train, *ek100.validation]}
    assert [text for text in narrations if f" {text} " in f" {stem} "] == []


def test_every_snapshot_has_its_prompt_file() -> None:
    assert PROMPT_FILES
    assert sorted(path.stem for path in SNAPSHOTS.iterdir()) == PROMPT_FILES


@pytest.mark.parametrize("name", PROMPT_FILES)
def test_a_prompt_file_is_named_as_it_says(name: str) -> None:
    assert load_prompts(PROMPTS_FOLDER / f"{name}.yaml").name == name


def test_a_prompt_file_of_ones_own_is_recorded(tmp_path: Path) -> None:
    own = replace(PROMPTS, name="mine", version=7, mqa_question="Now?\n{options}")
    file = tmp_path / "own" / "prompts" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(asdict(own)))
    write_ek100(tmp_path)
    words = [f"paths.annotations={tmp_path}", f"output={tmp_path}/sft", "sft.num_options=3"]
    assert main(["build-sft", "--configs", str(tmp_path / "own"), "prompts=mine", *words]) == 0
    manifest = read_manifest(tmp_path / "sft")
    assert manifest["prompts"] == {"name": "mine", "version": 7, "sha256": own.sha256}
    assert manifest["config"]["prompts"] == asdict(own)
    assert read_samples(tmp_path / "sft" / "train_mqa.jsonl")[0].question.startswith("Now?\nA. ")
