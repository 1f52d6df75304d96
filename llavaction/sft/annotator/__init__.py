"""Captions and question-answer pairs that a vision model on any OpenAI-compatible server writes about clips."""
