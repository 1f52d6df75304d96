"""Models on an OpenAI-compatible server as contestants: the same questions, the same rows as of our own checkpoints."""
