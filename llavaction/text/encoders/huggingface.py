"""Embeddings of any sentence-embedding model in the Hugging Face format.

Shapes: B batch, S tokens of the longest text in the batch, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from llavaction.text.encoders.base import Embeddings, EncoderConfig, Pooling
from llavaction.text.encoders.model_files import ModelFiles, find_model
from llavaction.utils.errors import ConfigError, DataError


class HuggingFaceEncoder:
    """A transformer whose token vectors are pooled and brought to unit length, in float32."""

    def __init__(self, files: ModelFiles, pooling: Pooling, batch_size: int) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        self.name = f"{files.name} {pooling}"
        self._pooling = pooling
        self._batch_size = batch_size
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            # The files are all here: no network, no code from the model's author, no pickles.
            here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            self._tokenizer: Any = AutoTokenizer.from_pretrained(files.folder, **here)
            model: Any = AutoModel.from_pretrained(files.folder, use_safetensors=True, dtype=torch.float32, **here)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"encoder.model: {files.folder} holds no model that transformers loads: {error}"
            ) from None
        self._model: Any = model.to(self._device).eval()
        self._max_tokens = min(self._tokenizer.model_max_length, model.config.max_position_embeddings)

    @classmethod
    def from_config(cls, config: EncoderConfig) -> HuggingFaceEncoder:
        """Find and load the model that `config` names.

        Raises:
            ConfigError: when there is none or this class cannot run it as it was meant.
        """
        assert config.model is not None  # EncoderConfig has made sure
        files = find_model(config.model)
        files.check_steps()
        return cls(files, config.pooling or files.pooling(), config.batch_size)

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts.

        Raises:
            DataError: when a text has more tokens than the model can read.
        """
        # transformers warns about texts that are too long; here they are errors.
        token_ids: list[list[int]] = self._tokenizer(list(texts), verbose=False)["input_ids"] if texts else []
        for text, ids in zip(texts, token_ids):
            if len(ids) > self._max_tokens:
                raise DataError(
                    f"text of {len(ids)} tokens, but {self.name} reads at most {self._max_tokens}: {text[:60]!r}..."
                )
        # Texts of one length share a batch, which saves padding.
        order = sorted(range(len(texts)), key=lambda idx: len(token_ids[idx]))
        rows = np.empty((len(texts), self._model.config.hidden_size), dtype=np.float32)
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            rows[batch] = self._encode_batch([token_ids[idx] for idx in batch])
        return rows

    def _encode_batch(self, token_ids: list[list[int]]) -> Embeddings:
        import torch

        inputs = self._tokenizer.pad({"input_ids": token_ids}, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            states_BSD = self._model(**inputs).last_hidden_state
            if self._pooling is Pooling.CLS:
                pooled_BD = states_BSD[:, 0]
            else:
                mask_BS1 = inputs["attention_mask"].unsqueeze(-1).to(states_BSD.dtype)
                pooled_BD = (states_BSD * mask_BS1).sum(1) / mask_BS1.sum(1)
            unit_BD = torch.nn.functional.normalize(pooled_BD, dim=-1)
        rows: Embeddings = unit_BD.cpu().numpy()
        return rows
