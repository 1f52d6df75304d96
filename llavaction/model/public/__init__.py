"""Checkpoints in the public `llava_qwen` format: read as ours, and written from ours."""
