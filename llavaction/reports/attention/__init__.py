"""What attention does, as tables and pictures."""
