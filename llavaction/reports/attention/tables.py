"""The figures of attention as tables: an overview with intervals, and every layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llavaction.evaluation.attention.places import GROUPS, Query
from llavaction.evaluation.attention.records import LIKENESSES, Run
from llavaction.evaluation.attention.summary import RunSummary, Summary
from llavaction.evaluation.intervals import Estimate
from llavaction.reports.attention.style import GROUP_WORDS, LIKENESS_WORDS, QUERY_WORDS
from llavaction.reports.render import NOTHING


@dataclass(frozen=True)
class TextTable:
    """Rows of texts, each as long as `columns`."""

    title: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]


def overview_tables(summary: Summary) -> list[TextTable]:
    """Means over layers and heads with intervals, and what the later runs have more or less than the first."""
    queries = dict.fromkeys(query for one in summary.runs.values() for query in one.attention)
    return [*(_attention_overview(summary, query) for query in queries), _likeness_overview(summary)]


def layer_tables(summary: Summary) -> list[TextTable]:
    """For each run a table of every query and one of likenesses; a row per layer."""
    tables = []
    for one in summary.runs.values():
        tables += [_attention_layers(one, query) for query in one.attention]
        tables.append(_likeness_layers(one))
    return tables


def _attention_overview(summary: Summary, query: Query) -> TextTable:
    seen = {run: one.attention[query] for run, one in summary.runs.items() if query in one.attention}
    columns = {
        _label(summary, run): {group: _share(one.overall[group]) for group in one.overall} for run, one in seen.items()
    }
    # Nearly the same in all runs; one column says how much of the prompt each group is.
    even = next(iter(seen.values())).even
    columns["if spread evenly"] = {group: _percent(share) for group, share in even.items()}
    for difference in summary.differences:
        if query in difference.attention:
            changes = difference.attention[query]
            columns[_difference_label(summary, difference.run)] = {
                group: _change(changes[group], 100) for group in changes
            }
    groups = [group for group in GROUPS if any(group in column for column in columns.values())]
    rows = {GROUP_WORDS[group]: tuple(column.get(group, NOTHING) for column in columns.values()) for group in groups}
    return TextTable(f"Attention {QUERY_WORDS[query]}, percent, mean over layers and heads", tuple(columns), rows)


def _attention_layers(one: RunSummary, query: Query) -> TextTable:
    shares = one.attention[query].shares
    rows = {
        f"layer {number}": tuple(_percent(estimate.value) for estimate in layer)
        for number, layer in enumerate(zip(*shares.values(), strict=True), start=1)
    }
    title = f"Attention {QUERY_WORDS[query]}, {one.info.label}, percent by layer"
    return TextTable(title, tuple(GROUP_WORDS[group] for group in shares), rows)


def _likeness_overview(summary: Summary) -> TextTable:
    runs, differences = summary.runs, summary.differences
    rows = {
        LIKENESS_WORDS[name]: (
            *(_value(one.likeness_overall[name]) for one in runs.values()),
            *(_change(difference.likeness[name]) for difference in differences),
        )
        for name in LIKENESSES
    }
    rows["log-likelihood of the answer"] = (
        *(_value(one.log_likelihood) for one in runs.values()),
        *(_change(difference.log_likelihood) for difference in differences),
    )
    labels = [_label(summary, run) for run in runs]
    labels += [_difference_label(summary, difference.run) for difference in differences]
    return TextTable("Likeness of visual and text tokens, mean over layers", tuple(labels), rows)


def _likeness_layers(one: RunSummary) -> TextTable:
    rows = {
        f"layer {number}" if number else "input": tuple(f"{estimate.value:.2f}" for estimate in layer)
        for number, layer in enumerate(zip(*one.likeness.values(), strict=True))
    }
    title = f"Likeness of visual and text tokens, {one.info.label}, by layer"
    return TextTable(title, tuple(LIKENESS_WORDS[name] for name in one.likeness), rows)


def _label(summary: Summary, run: Run) -> str:
    return summary.runs[run].info.label


def _difference_label(summary: Summary, run: Run) -> str:
    return f"{_label(summary, run)}, minus {_label(summary, next(iter(summary.runs)))}"


def _share(estimate: Estimate) -> str:
    """A share in percent with its interval, where it has one."""
    return _with_interval(estimate, "–", _percent)


def _value(estimate: Estimate) -> str:
    """A likeness or likelihood with its interval."""
    # Dashes would look like signs.
    return _with_interval(estimate, " to ", lambda value: f"{value:.2f}")


def _change(estimate: Estimate, scale: float = 1.0) -> str:
    """A difference with its sign and interval; of shares in percentage points."""
    decimals = 2 if scale > 1 else 3
    return _with_interval(estimate, " to ", lambda value: f"{scale * value:+.{decimals}f}")


def _percent(share: float) -> str:
    """One decimal, and a second below 1, as single tokens get little beside thousands."""
    return f"{100 * share:.1f}" if share >= 0.00995 else f"{100 * share:.2f}"


def _with_interval(estimate: Estimate, word: str, show: Callable[[float], str]) -> str:
    if estimate.low is None or estimate.high is None:
        return show(estimate.value)
    return f"{show(estimate.value)} ({show(estimate.low)}{word}{show(estimate.high)})"
