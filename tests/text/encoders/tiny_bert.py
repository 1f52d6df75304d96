"""A BERT small enough to write into a test's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "wash", "clean", "cup", "open", "drawer", "the"]


def write_tiny_bert(folder: Path, pooling: dict[str, Any] | None = None, steps: list[str] | None = None) -> Path:
    """Write a model 8 wide that reads 16 tokens, with the files that sentence-transformers adds where asked for."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    BertTokenizer(vocab=str(folder / "vocab.txt"), model_max_length=16).save_pretrained(folder)
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **shape)).save_pretrained(folder)
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    if steps is not None:
        modules = [{"idx": idx, "type": f"sentence_transformers.models.{step}"} for idx, step in enumerate(steps)]
        (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    return folder
