"""The action token in other people's video language models, such as Qwen2.5-VL and Qwen3-VL of transformers."""
