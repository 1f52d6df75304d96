"""An audit's outcome as Markdown and on the terminal."""

from __future__ import annotations

import rich.box
import rich.table
from rich.markup import escape

from llavaction.reports.audit.agreement import Agreement
from llavaction.reports.audit.config import Draw
from llavaction.reports.audit.rates import NUM_RESAMPLES, Rate, Rates
from llavaction.reports.audit.result import AuditResult
from llavaction.reports.render import NOTHING

TITLE = "Distractors that are also correct"
_COLUMNS = ("judged", "also correct %", "unclear %", "questions", "with one also correct %", "else unclear %")
_INTERVAL_WIDTH = len("(10.0–20.0)")


def to_terminal(result: AuditResult) -> rich.table.Table:
    """The table for a terminal of 80 characters or more, agreement below it; without its last column."""
    shown = rich.table.Table(title=f"{TITLE}, percent (95 % interval)", box=rich.box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("")
    for column in _COLUMNS[:-1]:
        # A share and its interval may stand on two lines, but neither is cut.
        width = _INTERVAL_WIDTH if column.endswith("%") else max(map(len, column.split()))
        shown.add_column(column, justify="right", min_width=width)
    for name, rates in result.groups.items():
        shown.add_row(escape(name), *_cells(rates)[:-1])
    shown.caption = escape(" ".join(_notes(result)))
    shown.caption_justify = "left"
    return shown


def to_markdown(result: AuditResult) -> str:
    """The table, how it was computed, and every distractor that was found to be correct."""
    lines = [f"## {TITLE}", "", "| " + " | ".join(["", *_COLUMNS]) + " |", "| --- |" + " ---: |" * len(_COLUMNS)]
    lines += ["| " + " | ".join([_plain(name), *_cells(rates)]) + " |" for name, rates in result.groups.items()]
    lines += ["", *[f"- {_plain(note)}" for note in _notes(result)], "", _method(), ""]
    if result.findings:
        lines += ["### Found to be correct too", "", "| question | option | answer | distractor | comments |"]
        lines += ["| --- | ---: | --- | --- | --- |"]
    for found in result.findings:
        cells = [found.sample_id, str(found.option_idx), found.answer, found.distractor, "; ".join(found.comments)]
        lines.append("| " + " | ".join(map(_plain, cells)) + " |")
    return "\n".join(lines).rstrip() + "\n"


def show_rate(rate: Rate) -> str:
    """A share in percent with its interval; a dash where nothing was judged."""
    if rate.share is None or rate.low is None or rate.high is None:
        return NOTHING
    return f"{100 * rate.share:.1f} ({100 * rate.low:.1f}–{100 * rate.high:.1f})"


def _cells(rates: Rates) -> list[str]:
    return [
        str(rates.also_correct.total),
        show_rate(rates.also_correct),
        show_rate(rates.unclear),
        str(rates.questions_also_correct.total),
        show_rate(rates.questions_also_correct),
        show_rate(rates.questions_unclear),
    ]


def _notes(result: AuditResult) -> list[str]:
    """What a reader must know beside the figures."""
    notes = []
    for rater in result.raters:
        left = f"{rater.num_blank} not judged yet" + (f", {rater.num_absent} not in it" if rater.num_absent else "")
        notes.append(f"Sheet {rater.name}: {rater.num_judged} judged, {left}.")
    if result.agreement is not None:
        notes.append(_agreement(result.agreement))
    if result.draw is Draw.PER_ACTION:
        notes.append("Drawn action by action: rare actions weigh more than in the whole file.")
    return notes


def _agreement(agreement: Agreement) -> str:
    if agreement.percent_alike is None:
        return f"The {agreement.num_raters} raters judged no distractor in common."
    kappa = NOTHING if agreement.kappa is None else f"{agreement.kappa:.2f}"
    return (
        f"The {agreement.num_raters} raters agree on {100 * agreement.percent_alike:.1f} % of "
        f"{agreement.num_distractors} distractors that all of them judged; {agreement.measure} {kappa}."
    )


def _method() -> str:
    return (
        "Shares are of what was judged, in percent with 95 % intervals: for distractors by resampling whole questions "
        f"{NUM_RESAMPLES} times, for questions Wilson's. Questions count once all their distractors are judged. "
        "*Also correct* is a lower bound, adding *unclear* gives the upper one. With several raters the majority "
        "decides, and *unclear* stands where there is none."
    )


def _plain(text: str) -> str:
    """A text inside a Markdown table, whatever is in it."""
    text = " ".join(text.split())
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, "\\" + mark)
    return text
