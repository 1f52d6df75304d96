"""A table of figures as it is shown: cells with what they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """A metric, and the number of questions it was computed from; value None where there is nothing to show.

    Shares lie between 0 and 1, counts (metrics named `num_...`) are whole numbers.

    Attributes:
        decimals: shown of what is no share; 0 for counts.
        low, high: ends of the 95 % interval; None where there is none.
        num_videos: clusters that the interval was drawn from.
        num_excluded: questions without an answer, which are not among the others.
        reported: the paper's figure, a share.
        run: folder or file that the value is from.
        notes: footnotes.
    """

    value: float | None
    num_questions: int
    is_share: bool = True
    decimals: int = 0
    low: float | None = None
    high: float | None = None
    num_videos: int = 0
    num_excluded: int = 0
    reported: float | None = None
    run: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        row_notes: footnote of a whole row, by its name.
        bounds: rows that no model can exceed.
        note: what stands below.
        source: where the paper's figures are from, when any are shown.
    """

    title: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[Cell, ...]]
    row_notes: Mapping[str, str] = field(default_factory=dict)
    bounds: frozenset[str] = frozenset()
    note: str | None = None
    source: str | None = None

    def footnotes(self) -> dict[str, int]:
        """All footnotes with their numbers, in the order in which they are met."""
        texts: dict[str, None] = {}
        for name, cells in self.rows.items():
            if name in self.row_notes:
                texts[self.row_notes[name]] = None
            texts.update(dict.fromkeys(note for cell in cells for note in cell.notes))
        return {text: number for number, text in enumerate(texts, start=1)}

    @property
    def has_intervals(self) -> bool:
        return any(cell.low is not None for cells in self.rows.values() for cell in cells)

    @property
    def has_reported(self) -> bool:
        return any(cell.reported is not None for cells in self.rows.values() for cell in cells)
