from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llavaction.api.config import OutputLimit, Structured
from llavaction.sft.annotator.questions import ask_caption, ask_pairs
from tests.api.worlds import make_segment
from tests.sft.annotator.worlds import PROMPT, make_config

SEGMENT = make_segment(0, narration="take {odd} plate")
FRAMES = ["aa", "bb", "aa"]


def test_the_caption_is_asked_for_below_the_frames(tmp_path: Path) -> None:
    body = ask_caption(make_config(tmp_path), SEGMENT, FRAMES).body
    system, user = body["messages"]

    assert system == {"role": "system", "content": "Be {honest}."}
    assert [part["type"] for part in user["content"]] == ["image_url"] * 3 + ["text"]
    assert [part["image_url"]["url"] for part in user["content"][:3]] == FRAMES
    assert user["content"][3]["text"] == 'Describe take {odd} plate\n\nAs {"agrees": ..., "caption": ...}'


def test_pairs_are_asked_for_without_frames(tmp_path: Path) -> None:
    body = ask_pairs(make_config(tmp_path), SEGMENT, "I take {it}.").body

    assert body["messages"][1] == {
        "role": "user",
        "content": 'Ask about take {odd} plate in I take {it}.\n\nAs {"pairs": ...}',
    }


def test_frames_are_sent_as_data(tmp_path: Path) -> None:
    question = ask_caption(make_config(tmp_path), SEGMENT, FRAMES)
    request = question.with_frames({"aa": b"first", "bb": b"second"})
    urls = [part["image_url"]["url"] for part in request["messages"][1]["content"][:3]]

    assert [base64.b64decode(url.removeprefix("data:image/jpeg;base64,")) for url in urls] == [
        b"first",
        b"second",
        b"first",
    ]
    assert {name: value for name, value in request.items() if name != "messages"} == {
        name: value for name, value in question.body.items() if name != "messages"
    }


@pytest.mark.parametrize(
    ("structured", "kind"),
    [(Structured.JSON_SCHEMA, "json_schema"), (Structured.JSON_OBJECT, "json_object"), (Structured.NONE, None)],
)
def test_servers_are_told_as_they_understand_it(tmp_path: Path, structured: Structured, kind: str | None) -> None:
    body = ask_caption(make_config(tmp_path, structured=structured), SEGMENT, FRAMES).body

    assert body.get("response_format", {}).get("type") == kind
    assert body["max_completion_tokens"] == 1000


def test_the_schema_is_strict(tmp_path: Path) -> None:
    form = ask_pairs(make_config(tmp_path), SEGMENT, "I do.").body["response_format"]["json_schema"]
    pair = form["schema"]["properties"]["pairs"]["items"]

    assert form["strict"] is True
    for schema in (form["schema"], pair):
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])


def test_further_fields_are_passed_on(tmp_path: Path) -> None:
    config = make_config(tmp_path, extra={"temperature": 0.3}, output_limit=OutputLimit.MAX_TOKENS)
    body = ask_caption(config, SEGMENT, FRAMES).body

    assert body["temperature"] == 0.3
    assert body["max_tokens"] == 1000
    assert "max_completion_tokens" not in body


CHANGES: list[dict[str, Any]] = [
    {"model": "other"},
    {"prompt": replace(PROMPT, system="Be brief.")},
    {"prompt": replace(PROMPT, caption="Tell {narration}")},
    {"prompt": replace(PROMPT, caption_format="As you like.")},
    {"structured": Structured.NONE},
    {"max_output_tokens": 999},
    {"output_limit": OutputLimit.MAX_TOKENS},
    {"extra": {"temperature": 0.0}},
]


@pytest.mark.parametrize("fields", CHANGES)
def test_all_that_decides_the_reply_is_in_the_key(tmp_path: Path, fields: dict[str, Any]) -> None:
    config = make_config(tmp_path)
    changed = replace(config, **fields)

    assert ask_caption(config, SEGMENT, FRAMES).key(0) != ask_caption(changed, SEGMENT, FRAMES).key(0)


def test_frames_their_order_narration_and_attempt_are_in_the_key(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    other = make_segment(0, narration="put plate")
    questions = [
        ask_caption(config, segment, frames)
        for segment, frames in ((SEGMENT, FRAMES), (SEGMENT, ["bb", "aa", "aa"]), (SEGMENT, ["aa"]), (other, FRAMES))
    ]
    keys = {question.key(attempt) for question in questions for attempt in range(2)}

    assert len(keys) == 8


@pytest.mark.parametrize("fields", [{"concurrency": 1}, {"timeout_s": 1.0}, {"base_url": "http://x/v1"}, {"limit": 3}])
def test_what_does_not_decide_the_reply_is_not_in_the_key(tmp_path: Path, fields: dict[str, Any]) -> None:
    config = make_config(tmp_path)

    assert ask_caption(config, SEGMENT, FRAMES).key(0) == ask_caption(replace(config, **fields), SEGMENT, FRAMES).key(0)


def test_replies_that_were_paid_for_are_found_for_ever(tmp_path: Path) -> None:
    config, segment = make_config(tmp_path), make_segment(0)

    # Whoever changes these makes everybody ask, and pay, again.
    assert ask_caption(config, segment, ["aa", "bb"]).key(0) == (
        "25073686e27880fb972bd898f0cb2c03f7180a3ce8baba90ea98c1db918c7fc4"
    )
    assert ask_pairs(config, segment, "I do.").key(1) == (
        "b13e5ba4b750abe810234cc26e75041b665074cf42e990978321690b80f64ee4"
    )
