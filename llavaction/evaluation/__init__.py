"""Answers of a model to samples, one row per question, and what the rows add up to."""
