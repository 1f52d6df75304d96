"""The two places text goes to: results to standard output, everything about the work to standard error."""

from __future__ import annotations

from rich.console import Console

# No emoji codes: "rows.jsonl:100:" is line 100, not a symbol.
output = Console(highlight=False, soft_wrap=True, emoji=False)
"""Answers and tables, so that they can be piped."""

console = Console(stderr=True, emoji=False)
"""Progress, log lines and errors."""
