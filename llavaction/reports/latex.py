r"""A table for LaTeX, with the rules of booktabs: ``\usepackage{booktabs}`` and UTF-8 input are all it needs."""

from __future__ import annotations

from llavaction.reports.render import explain, parts, row_marks
from llavaction.reports.table import Cell, Table

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "–": "--",
        **{raised: rf"\textsuperscript{{{digit}}}" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    }
)

_SIDE_BY_SIDE = 4
"""Columns up to which a figure and its interval stand in one line; in wider tables they stand below one another."""


def to_latex(name: str, table: Table) -> str:
    """The table as a float with its label ``tab:NAME``; intervals and the paper's figures are set smaller."""
    lines = [
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{escape(table.title)}}}",
        rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(table.columns)}@{{}}}}",
        r"\toprule",
        _row(["", *map(escape, table.columns)]),
        r"\midrule",
    ]
    for row, cells in table.rows.items():
        lines.append(_row([escape(row + row_marks(table, row)), *(_cell(table, cell) for cell in cells)]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    if sentences := explain(table):
        lines += [r"\par\smallskip", r"\begin{minipage}{\linewidth}\footnotesize"]
        lines += [rf"{escape(sentence)}\par" for sentence in sentences]
        lines.append(r"\end{minipage}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def escape(text: str) -> str:
    """Plain text as LaTeX shows it."""
    return text.translate(_ESCAPES)


def _cell(table: Table, cell: Cell) -> str:
    value, *rest = map(escape, parts(table, cell))
    lines = [value, *(rf"{{\scriptsize {part}}}" for part in rest)]
    if len(table.columns) <= _SIDE_BY_SIDE or len(lines) == 1:
        return " ".join(lines)
    return r"\shortstack[r]{" + r"\\".join(lines) + "}"


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
