"""LLaVAction: fine-grained action understanding with multimodal language models."""

__version__ = "0.1.0"
