"""What one can ask a model about clips: likelihoods, text, class scores.

R rows (question x continuation), S sequence, n visual tokens, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase, TextStreamer

from llavaction.model.build import load_model
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.model.partitioned import is_partitioned
from llavaction.processing.batch import pad_rows
from llavaction.processing.processor import Processor
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import ConfigError


@dataclass(frozen=True)
class Prompt:
    """A question about a clip: ids with placeholders up to the opened answer, and the clip's features `[n, D]`."""

    ids: list[int]
    features: Tensor


class Answerer:
    """A model in evaluation mode with its processor and classes.

    Whatever it asks of the model are calls of the whole model, for which ZeRO-3 brings the weights together. Nothing
    runs in inference mode, as weights gathered there could not be trained afterwards.
    """

    def __init__(self, model: LlavactionForConditionalGeneration, processor: Processor, classes: ClassTable) -> None:
        self.model = model.eval()
        self.processor = processor
        self.classes = classes

    @classmethod
    def load(cls, folder: Path, *, dtype: str, attention: str, device: torch.device) -> Answerer:
        """Load a checkpoint folder."""
        model = load_model(folder, dtype=dtype, attention=attention).to(device)  # type: ignore[arg-type]
        return cls(model, Processor.load(folder), ClassTable.load(folder))

    @torch.no_grad()
    def encode(self, clips: Sequence[Tensor]) -> list[Tensor]:
        """Features `[n, D]` of each clip, given its pixels `[T, 3, R, R]`."""
        layout = self.processor.config.layout
        num_frames = torch.tensor([len(clip) for clip in clips])
        pixels = torch.cat(list(clips)).to(self.model.device)
        features = self.model(pixel_values_videos=pixels, num_frames_per_video=num_frames).visual_features
        return list(features.split([layout.num_visual_tokens(len(clip)) for clip in clips]))

    @torch.no_grad()
    def score(self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[list[int]]]) -> list[list[float]]:
        """Log-likelihood of each continuation of each prompt (sum over its tokens)."""
        rows = [(prompt, tail) for prompt, tails in zip(prompts, continuations, strict=True) for tail in tails]
        ids, mask = pad_rows(
            [torch.tensor(prompt.ids + tail) for prompt, tail in rows], self.processor.pad_id, left=True
        )
        longest = max(len(tail) for _, tail in rows)
        # Padded on the left, every continuation ends at the last position: the LM head runs on the tails alone.
        logits_RSV = self.model(
            ids.to(self.model.device),
            mask.to(self.model.device),
            visual_features=torch.cat([prompt.features for prompt, _ in rows]),
            logits_to_keep=longest + 1,
        ).logits
        log_probs_RSV = logits_RSV[:, :-1].float().log_softmax(-1).cpu()
        tokens_RS = log_probs_RSV.gather(-1, ids[:, -longest:, None])[..., 0]
        sums = iter(float(tokens_RS[number, longest - len(tail) :].sum()) for number, (_, tail) in enumerate(rows))
        return [[next(sums) for _ in tails] for tails in continuations]

    @torch.no_grad()
    def generate(
        self, prompts: Sequence[Prompt], max_new_tokens: int, on_text: Callable[[str], None] | None = None
    ) -> list[str]:
        """The greedy answer to each prompt.

        Args:
            on_text: called with each stretch of the answer as soon as it is written; for one prompt alone.
        """
        ids, mask = pad_rows([torch.tensor(prompt.ids) for prompt in prompts], self.processor.pad_id, left=True)
        generated = self.model.generate(
            ids.to(self.model.device),
            attention_mask=mask.to(self.model.device),
            visual_features=torch.cat([prompt.features for prompt in prompts]),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            use_cache=True,  # training with gradient checkpointing leaves it off in the model's configuration
            synced_gpus=is_partitioned(self.model),
            streamer=None if on_text is None else _Pieces(self.processor.tokenizer, on_text),
        )
        return [self.processor.decode(row) for row in generated[:, ids.shape[1] :].tolist()]

    @torch.no_grad()
    def classify(self, prompts: Sequence[Prompt]) -> tuple[Tensor, Tensor, Tensor]:
        """Verb, noun and action scores of the heads, `[R, C]` each, float32.

        Raises:
            ConfigError: when the model has no action token.
        """
        if self.model.action_token is None:
            raise ConfigError("this checkpoint has no action token; leave the action_head tasks out")
        ids, mask = pad_rows([torch.tensor(prompt.ids) for prompt in prompts], self.processor.pad_id)
        logits = self.model(
            ids.to(self.model.device),
            mask.to(self.model.device),
            visual_features=torch.cat([prompt.features for prompt in prompts]),
            logits_to_keep=1,
        ).action_logits
        return logits.verb.float().cpu(), logits.noun.float().cpu(), logits.action.float().cpu()


class _Pieces(TextStreamer):
    """Hands an answer on in whole words instead of printing them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, on_text: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._on_text = on_text

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        if text:
            self._on_text(text)
