"""The outcome of an audit: rates, agreement, and the distractors that were found to be correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llavaction.reports.audit.agreement import Agreement, measure_agreement
from llavaction.reports.audit.config import Draw
from llavaction.reports.audit.questions import Question
from llavaction.reports.audit.rates import Rate, Rates, compute_rates
from llavaction.reports.audit.sheet import Verdict
from llavaction.reports.audit.verdicts import Key, Rater, majority

ALL = "all"


@dataclass(frozen=True)
class Finding:
    """A distractor that is also correct."""

    sample_id: str
    option_idx: int
    answer: str
    distractor: str
    distractor_action: str
    strategy: str
    comments: tuple[str, ...]


@dataclass(frozen=True)
class AuditResult:
    """All that the verdicts say.

    Attributes:
        draw: how the questions were drawn.
        groups: rates over all questions, then per strategy where there are several, then per rater likewise. All but
            the last are of the raters' majority.
        agreement: None with a single rater.
    """

    draw: Draw
    seed: int
    num_questions: int
    raters: tuple[Rater, ...]
    groups: dict[str, Rates]
    agreement: Agreement | None
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON; shares between 0 and 1."""
        return {
            "draw": str(self.draw),
            "seed": self.seed,
            "num_questions": self.num_questions,
            "raters": {
                rater.name: {
                    "num_judged": rater.num_judged,
                    "num_blank": rater.num_blank,
                    "num_absent": rater.num_absent,
                }
                for rater in self.raters
            },
            "rates": {name: _rates_json(rates) for name, rates in self.groups.items()},
            "agreement": None if self.agreement is None else asdict(self.agreement),
            "also_correct": [asdict(finding) for finding in self.findings],
        }


def summarise(questions: Sequence[Question], raters: Sequence[Rater], draw: Draw, seed: int) -> AuditResult:
    """Turn the raters' verdicts into rates."""
    ordered = sorted(questions, key=lambda question: question.sample.sample_id)
    keys = [key for question in ordered for key in _keys(question)]
    verdicts = {key: majority([rater.verdicts[key] for rater in raters]) for key in keys}
    groups = {ALL: _rates(ordered, verdicts, seed)}
    strategies = sorted({question.strategy for question in ordered})
    if len(strategies) > 1:
        for strategy in strategies:
            chosen = [question for question in ordered if question.strategy == strategy]
            groups[f"strategy {strategy}"] = _rates(chosen, verdicts, seed)
    agreement = None
    if len(raters) > 1:
        for rater in raters:
            groups[f"rater {rater.name}"] = _rates(ordered, rater.verdicts, seed)
        agreement = measure_agreement([[rater.verdicts[key] for rater in raters] for key in keys])
    findings = [finding for question in ordered for finding in _findings(question, verdicts, raters)]
    return AuditResult(draw, seed, len(ordered), tuple(raters), groups, agreement, tuple(findings))


def _keys(question: Question) -> list[Key]:
    return [(question.sample.sample_id, choice.option_idx) for choice in question.distractors]


def _rates(questions: Sequence[Question], verdicts: dict[Key, Verdict | None], seed: int) -> Rates:
    return compute_rates([[verdicts[key] for key in _keys(question)] for question in questions], seed)


def _findings(question: Question, verdicts: dict[Key, Verdict | None], raters: Sequence[Rater]) -> list[Finding]:
    found = []
    for choice, key in zip(question.distractors, _keys(question), strict=True):
        if verdicts[key] is Verdict.ALSO_CORRECT:
            comments = tuple(rater.comments[key] for rater in raters if key in rater.comments)
            texts = (question.answer.text, choice.text, choice.action, question.strategy)
            found.append(Finding(*key, *texts, comments))
    return found


def _rates_json(rates: Rates) -> dict[str, Any]:
    return {
        name: {"share": value.share, **asdict(value)} if isinstance(value, Rate) else value
        for name, value in vars(rates).items()
    }
