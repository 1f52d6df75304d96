"""Tables for LaTeX: whatever the words are, the rows stay rows."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from llavaction.reports.latex import escape, to_latex
from llavaction.reports.table import Cell, Table
from tests.reports.test_render import TABLE, WHOLE

MEANINGS = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    "--": "–",
    **{rf"\{sign}": sign for sign in "{}&%$#_"},
}
SIGNS = st.text(st.sampled_from("ab \\{}&%$#_~^<>|\"'`[]()+-.,é"), max_size=12)


def read(text: str) -> str:
    """What LaTeX would show."""
    pattern = "|".join(re.escape(word) for word in MEANINGS)
    return re.sub(pattern, lambda found: MEANINGS[found.group()], text)


@given(SIGNS.filter(lambda text: "--" not in text))
def test_escaped_words_read_as_they_were(text: str) -> None:
    assert read(escape(text)) == text


@given(st.lists(SIGNS, min_size=1, max_size=3, unique=True), SIGNS, SIGNS)
def test_any_words_leave_the_table_whole(columns: list[str], row: str, note: str) -> None:
    cells = tuple(Cell(0.5, 3, low=0.2, high=0.7, reported=0.4, notes=(note,)) for _ in columns)
    text = to_latex("t", Table(f"title {row}", tuple(columns), {row: cells}, note=note, source=note))
    plain = re.sub(r"\\[\\{}&%$#_]", "", text.replace(" \\\\\n", " END\n"))

    assert plain.count("{") == plain.count("}")
    assert not re.search(r"[#$%^~]", plain)
    inside = plain.partition("\\toprule")[2].partition("\\bottomrule")[0]
    rows = [line for line in inside.splitlines() if line.endswith("END")]
    assert [line.count("&") for line in rows] == [len(columns)] * 2


def test_a_table_with_all_there_is() -> None:
    assert to_latex("stack", WHOLE) == "\n".join(
        [
            r"\begin{table}[t]",
            r"\centering",
            r"\caption{Stack}",
            r"\label{tab:stack}",
            r"\begin{tabular}{@{}lrr@{}}",
            r"\toprule",
            r" & MQA & a\textbar{}b \\",
            r"\midrule",
            r"+ token & 73.1\textsuperscript{1} {\scriptsize [70.0, 76.0]} {\scriptsize (73.4)} & "
            r"-- {\scriptsize (50.0)} \\",
            r"none \textbar{} yet\textsuperscript{2} & --\textsuperscript{3} \textsuperscript{1} & "
            r"--\textsuperscript{3} \textsuperscript{1} \\",
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\smallskip",
            r"\begin{minipage}{\linewidth}\footnotesize",
            r"All of it.\par",
            r"In brackets: 95 \% intervals, resampled by video.\par",
            r"In parentheses: as reported: somewhere.\par",
            r"\textsuperscript{1} n.\par",
            r"\textsuperscript{2} nobody wrote captions.\par",
            r"\textsuperscript{3} m.\par",
            r"\end{minipage}",
            r"\end{table}",
            "",
        ]
    )


def test_a_plain_table_has_nothing_below() -> None:
    assert "minipage" not in to_latex("t", TABLE)


def test_wide_tables_set_intervals_below_their_figures() -> None:
    cell = Cell(0.5, 3, low=0.2, high=0.7)
    wide = Table("T", tuple("abcde"), {"r": (cell,) * 4 + (Cell(0.5, 3),)})
    text = to_latex("t", wide)

    assert text.count(r"\shortstack[r]{50.0\\{\scriptsize [20.0, 70.0]}}") == 4
    assert r"& 50.0 \\" in text
