"""Samples to tensors: chat layout, frames, placeholders, batches."""
