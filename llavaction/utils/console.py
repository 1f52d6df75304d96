"""The two places text goes to: results to standard output, everything about the work to standard error."""

from __future__ import annotations

from rich.console import Console

output = Console(highlight=False, soft_wrap=True)
"""Answers and tables, so that they can be piped."""

console = Console(stderr=True)
"""Progress, log lines and errors."""
