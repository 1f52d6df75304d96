"""Requests to a model on any OpenAI-compatible server: paced, tried again, kept on disk, within a budget."""
