"""Specialists' predictions and the questions made of them: how good, how alike, how hard, how balanced. No torch."""
