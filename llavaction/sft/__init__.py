"""Segments to training and test samples: views, distractors, prompts. Never sees the model."""
