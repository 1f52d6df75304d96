"""Frozen weights in 4 bits (QLoRA)."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import torch

from llavaction.model.lora.config import Quantization
from llavaction.utils.errors import ConfigError

_WHOLE = ("vision", "projector", "action_token", "lm_head")
"""Modules whose weights stay as they are: small, or trained in full, or read as a matrix by the losses."""


def quantized_loading(quantize: Quantization, dtype: str) -> dict[str, Any]:
    """Arguments with which `from_pretrained` loads the decoder's linear layers in that form.

    Args:
        dtype: type that the layers compute in.

    Raises:
        ConfigError: for nf4 without bitsandbytes.
    """
    if quantize is Quantization.NONE:
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ConfigError(
            "lora.quantize=nf4 needs bitsandbytes: pip install bitsandbytes (the extra `qlora`), or use "
            "lora.quantize=none"
        )
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quantize.value,
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
        llm_int8_skip_modules=list(_WHOLE),
    )
    device = int(os.environ.get("LOCAL_RANK", "0")) if torch.cuda.is_available() else "cpu"
    return {"quantization_config": config, "device_map": {"": device}}
