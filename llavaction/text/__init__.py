"""Free text and class names. No torch."""
