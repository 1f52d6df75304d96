"""The page on which a person judges: one HTML file that needs nothing beside it, not even a network.

Everything that comes from data is escaped. A content security policy, which the browser enforces, allows pictures
inside the page and this page's own script, and no request to anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib import resources

from llavaction.reports.audit.frames import Strip
from llavaction.reports.audit.questions import Choice, Question
from llavaction.reports.audit.sheet import COLUMNS, Verdict, blank_rows, cells_of
from llavaction.sft.prompts import LETTERS
from llavaction.utils.hashing import content_sha256

FILLED_FILE = "audit_filled.csv"
"""Name under which the browser saves the filled sheet."""
_LABELS = {Verdict.VALID: "valid", Verdict.ALSO_CORRECT: "also correct", Verdict.UNCLEAR: "unclear"}


def render_page(questions: Sequence[Question], strips: Sequence[Strip]) -> str:
    """The page for some questions, each with its frames or the reason why it has none."""
    style, script = _asset("page.css"), _asset("page.js")
    rows = [cells_of(row) for row in blank_rows(questions)]
    sheet = {
        "file": FILLED_FILE,
        "columns": COLUMNS,
        "rows": rows,
        "verdicts": list(map(str, Verdict)),
        # Judgements kept by the browser are found again by what is judged, wherever the page lies.
        "storage": "llavaction-audit-" + content_sha256([json.dumps(rows)])[:16],
    }
    first_row = 0
    sections = []
    for number, (question, strip) in enumerate(zip(questions, strips, strict=True), start=1):
        sections.append(_section(question, strip, f"Question {number} of {len(questions)}", first_row))
        first_row += len(question.distractors)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<title>Are the distractors wrong?</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            _asset("header.html"),
            "<main>",
            _asset("guide.html"),
            _failures(questions, strips),
            *sections,
            "</main>",
            # Inside a script element only "<" could end it.
            f'<script type="application/json" id="sheet">{json.dumps(sheet).replace("<", _LESS_THAN)}</script>',
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


_LESS_THAN = "\\u003c"


def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") for text in (style, script)]
    return f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"


def _failures(questions: Sequence[Question], strips: Sequence[Strip]) -> str:
    """The questions whose clips could not be shown, if any."""
    lost = [number for number, strip in enumerate(strips, start=1) if strip.note]
    if not lost:
        return ""
    names = ", ".join(f"{number} ({escape(questions[number - 1].sample.segment_id or '')})" for number in lost)
    count = f"{len(lost)} of {len(questions)} questions"
    return f'<details class="failures"><summary>Without frames: {count}</summary><p>{names}</p></details>'


def _section(question: Question, strip: Strip, title: str, first_row: int) -> str:
    """A question; its distractors are the sheet's rows from `first_row` on."""
    sample = question.sample
    clip = "" if sample.clip is None else f" · {sample.clip.start_s:.2f}–{sample.clip.stop_s:.2f} s"
    row = first_row
    lines = []
    for choice in question.choices:
        if choice is question.answer:
            lines.append(_answer(choice))
        else:
            lines.append(_distractor(choice, row))
            row += 1
    return "\n".join(
        [
            '<section class="question">',
            # Not the sample's id: it names the distractors' strategy, which must not sway the rater.
            f'<h2>{title}<span class="id">{escape(sample.segment_id or "")}{clip}</span></h2>',
            _frames(strip),
            _prior(question),
            '<div class="options">',
            *lines,
            "</div>",
            f"<details><summary>The question as it is asked</summary><pre>{escape(sample.question)}</pre></details>",
            "</section>",
        ]
    )


def _frames(strip: Strip) -> str:
    if strip.note:
        return f'<p class="note">No frames: {escape(strip.note)}</p>'
    pictures = [
        f'<figure><img src="{frame.data_uri}" alt="frame at {frame.time_s:.1f} s">'
        f"<figcaption>{frame.time_s:.1f} s</figcaption></figure>"
        for frame in strip.frames
    ]
    return f'<div class="frames">{"".join(pictures)}</div>'


def _prior(question: Question) -> str:
    """The earlier actions that the question tells."""
    told = [f"{escape(action.text)} ({action.before_s:.1f} s before)" for action in question.sample.prior]
    return f'<p class="prior">Told in the question: {", ".join(told)}</p>' if told else ""


def _answer(choice: Choice) -> str:
    return (
        f'<div class="option answer"><span class="letter">{_letter(choice)}</span>'
        f'<span class="text">{escape(choice.text)}{_facts(choice)}</span><span class="right">✓ the answer</span></div>'
    )


def _distractor(choice: Choice, row: int) -> str:
    name = f"verdict-{row}"
    buttons = [
        f'<label class="{verdict}"><input type="radio" name="{name}" value="{verdict}"><span>{label}</span></label>'
        for verdict, label in _LABELS.items()
    ]
    kin = "same verb" if choice.same_verb else "same noun" if choice.same_noun else ""
    if choice.same_verb and choice.same_noun:
        kin = "same class as the answer"
    return "\n".join(
        [
            f'<div class="option distractor" data-row="{row}" role="radiogroup" aria-label="{escape(choice.text)}">',
            f'<span class="letter">{_letter(choice)}</span>',
            f'<span class="text">{escape(choice.text)}{_facts(choice, kin)}</span>',
            f'<span class="verdicts">{"".join(buttons)}</span>',
            '<button type="button" class="clear" title="Take the verdict back (key 0)">×</button>',
            '<input type="text" class="comment" placeholder="comment" aria-label="comment" autocomplete="off">',
            "</div>",
        ]
    )


def _facts(choice: Choice, kin: str = "") -> str:
    chip = f'<span class="kin">{kin}</span>' if kin else ""
    return f'<span class="facts">class: {escape(choice.action)}{chip}</span>'


def _letter(choice: Choice) -> str:
    return LETTERS[choice.option_idx] if choice.option_idx < len(LETTERS) else str(choice.option_idx + 1)
