"""Fine-tuning: transformers' Trainer, thinly subclassed."""
