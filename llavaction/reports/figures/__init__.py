"""Figures of evaluation runs."""
