"""What attention does: where the answer and the action token look, and how near visual and text tokens come."""
