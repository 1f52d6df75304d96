"""One evaluation run, or two side by side: all that their answers tell."""
