"""Ranked action predictions of specialist models, whatever file they came in. No torch."""
