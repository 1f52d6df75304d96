"""Settings of property tests."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run, and no time limit for one: a busy machine is no defect.
reproducible = settings(deadline=None, derandomize=True, max_examples=40)
