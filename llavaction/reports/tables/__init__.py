"""Tables of evaluation runs: which cell comes from where, and whether cells may stand side by side."""
