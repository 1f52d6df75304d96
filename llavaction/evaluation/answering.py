"""What one can ask a model about clips: likelihoods, text, class scores.

R rows (question x continuation), S sequence, n visual tokens, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase, TextStreamer

from llavaction.evaluation.behind_prefixes import generate_behind_prefixes, score_behind_prefixes
from llavaction.evaluation.shared_prefix import Prompt, join_features
from llavaction.model.build import load_model
from llavaction.model.modeling import LlavactionForConditionalGeneration
from llavaction.model.partitioned import is_partitioned
from llavaction.processing.batch import pad_rows
from llavaction.processing.processor import Processor
from llavaction.sft.classes import ClassTable
from llavaction.utils.errors import ConfigError

__all__ = ["Answerer", "Prompt"]


class Answerer:
    """A model in evaluation mode with its processor and classes.

    Whatever it asks of the model are calls of the whole model, for which ZeRO-3 brings the weights together. Nothing
    runs in inference mode, as weights gathered there could not be trained afterwards.
    """

    def __init__(
        self,
        model: LlavactionForConditionalGeneration,
        processor: Processor,
        classes: ClassTable,
        tree_size: int | None = None,
    ) -> None:
        """`tree_size`: nodes of a tree of texts that are run at once; None runs all."""
        self.model = model.eval()
        self.processor = processor
        self.classes = classes
        # Processes among which ZeRO-3 splits the weights must make equally many passes, whatever their texts.
        self.tree_size = None if is_partitioned(model) else tree_size

    @classmethod
    def load(
        cls, folder: Path, *, dtype: str, attention: str, device: torch.device, tree_size: int | None = None
    ) -> Answerer:
        """Load a checkpoint folder."""
        model = load_model(folder, dtype=dtype, attention=attention).to(device)  # type: ignore[arg-type]
        return cls(model, Processor.load(folder), ClassTable.load(folder), tree_size)

    @torch.no_grad()
    def encode(self, clips: Sequence[Tensor]) -> list[Tensor]:
        """Features `[n, D]` of each clip, given its pixels `[T, 3, R, R]`."""
        layout = self.processor.config.layout
        num_frames = torch.tensor([len(clip) for clip in clips])
        pixels = torch.cat(list(clips)).to(self.model.device)
        features = self.model(pixel_values_videos=pixels, num_frames_per_video=num_frames).visual_features
        return list(features.split([layout.num_visual_tokens(len(clip)) for clip in clips]))

    def score(self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[list[int]]]) -> list[list[float]]:
        """Log-likelihood of each continuation of each prompt (sum over its tokens).

        Prompts of one clip stand side by side: their beginning is run once, and what follows as one tree.

        Raises:
            ConfigError: when the attention kernel takes no masks of this kind.
        """
        return score_behind_prefixes(self.model, self.processor.pad_id, prompts, continuations, self.tree_size)

    def generate(
        self, prompts: Sequence[Prompt], max_new_tokens: int, on_text: Callable[[str], None] | None = None
    ) -> list[str]:
        """The greedy answer to each prompt; the beginning of prompts of one clip is run once.

        Args:
            on_text: called with each stretch of the answer as soon as it is written; for one prompt alone.
        """
        streamer = None if on_text is None else _Pieces(self.processor.tokenizer, on_text)
        ids = generate_behind_prefixes(self.model, self.processor.pad_id, prompts, max_new_tokens, streamer)
        return [self.processor.decode(row) for row in ids]

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
            visual_features=join_features([prompt.features for prompt in prompts]),
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
