"""Tables and pictures from evaluation runs. Reads metrics and rows only; no torch."""
