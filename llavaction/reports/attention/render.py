"""The tables of attention as Markdown and on the terminal."""

from __future__ import annotations

import rich.box
import rich.table
from rich.markup import escape

from llavaction.evaluation.attention.summary import Summary
from llavaction.evaluation.intervals import NUM_RESAMPLES
from llavaction.reports.attention.tables import TextTable, layer_tables, overview_tables

_METHOD = f"""\
Each figure is the mean over the questions; an interval (95 %) comes from {NUM_RESAMPLES:,} resamplings of whole
videos and is left out where there is one video alone, and too narrow with less than about 20. *From the answer*: the
positions that predict the answer's tokens, the last of the prompt and the answer's tokens but the last. The shares
of a run sum to 100. *If spread evenly*: the share of a group if each position attended equally to all up to itself;
few tokens with a large share are looked at closely. *First token*: apart from the system prompt, as language models
park attention there. *Newlines*: learned vectors among the patches, the same for every clip. All runs are shown the
same clips, questions and answers. *Action token left out*: the same weights; what stands before the action token,
the patches among them, stays as it is, so that what changes is what the text makes of them.

*Likeness*: mean cosine similarity of the hidden states of all pairs of a visual and a text token (after the clip),
of two visual and of two text tokens; *modality gap*: distance of the two groups' mean unit vectors. Layer N is the
output of the N-th layer, for the last one that of the final norm; means over layers are without the input. The
log-likelihood is the natural logarithm, mean over the answer's tokens."""


def to_markdown(summary: Summary) -> str:
    """The overview, how its figures are made, and every layer."""
    parts = ["# What attention does", _sources(summary)]
    parts += [*map(_table, overview_tables(summary)), _METHOD, *map(_table, layer_tables(summary))]
    return "\n\n".join(parts) + "\n"


def to_terminal(table: TextTable) -> rich.table.Table:
    """A table for a terminal."""
    shown = rich.table.Table(title=escape(table.title), box=rich.box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("", min_width=max(len(word) for name in table.rows for word in name.split()))
    for number, column in enumerate(table.columns):
        # A value and its interval may stand on several lines, but no number is cut, nor a word of the heading.
        words = [*column.split(), *(word for row in table.rows.values() for word in row[number].split())]
        shown.add_column(escape(column), justify="right", min_width=max(map(len, words)))
    for name, cells in table.rows.items():
        shown.add_row(escape(name), *cells)
    return shown


def _sources(summary: Summary) -> str:
    """What was looked at, and which checkpoints looked."""
    num_questions, num_videos = summary.num_questions, summary.num_videos
    lines = [f"{num_questions} question{'s'[: num_questions > 1]} of {num_videos} video{'s'[: num_videos > 1]}"]
    lines += [f"{one.info.label}: `{one.info.checkpoint}`" for one in summary.runs.values()]
    return "\n".join(f"- {line}" for line in lines)


def _table(table: TextTable) -> str:
    lines = [
        f"## {table.title}",
        "",
        "| " + " | ".join(["", *table.columns]) + " |",
        "| --- |" + " ---: |" * len(table.columns),
        *("| " + " | ".join([name, *cells]) + " |" for name, cells in table.rows.items()),
    ]
    return "\n".join(lines)
