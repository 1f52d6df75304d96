"""The model: vision tower, projector, pooling, newlines, action token, causal decoder.

B batch, S sequence, T frames of all videos together, N patches per frame, n visual tokens of all videos,
D width, V vocabulary, A samples with an action token, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, GenerationMixin, PreTrainedModel
from transformers.utils.generic import ModelOutput

from llavaction.model.action_token import ActionLogits, ActionPlaces, ActionToken, recorded_outputs
from llavaction.model.config import (
    LOSS_CHUNK,
    ActionSupervision,
    Distillation,
    LossKernel,
    LossWeights,
    SupervisedLayers,
)
from llavaction.model.fusion import fill_placeholders
from llavaction.model.hf_config import LlavactionConfig
from llavaction.model.lm_head import LmHead, kept_states
from llavaction.model.losses import lm_loss_sum
from llavaction.model.objective import ActionObjective, Count
from llavaction.model.projector import Projector
from llavaction.model.vision import VisionTower, normalise
from llavaction.model.visual_sequence import visual_sequences
from llavaction.utils.errors import CheckpointError


@dataclass
class LlavactionOutput(ModelOutput):
    """What `forward` returns.

    Attributes:
        loss: weighted sum of the terms below, when labels were given.
        logits: `[B, kept, V]`, or `[kept, V]` of single positions, when no labels were given.
        lm_loss, verb_loss, noun_loss, action_loss, distill_loss: the unweighted terms, each by its global count.
        action_logits: head scores of the samples that hold an action token, `[A, C]` each.
        action_rows: which samples these are, `[A]`.
        visual_features: `[n, D]`, when pixels were given without any text.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: Any = None
    lm_loss: Tensor | None = None
    verb_loss: Tensor | None = None
    noun_loss: Tensor | None = None
    action_loss: Tensor | None = None
    distill_loss: Tensor | None = None
    action_logits: ActionLogits | None = None
    action_rows: Tensor | None = None
    visual_features: Tensor | None = None


class LlavactionForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """LLaVA-style video language model with a learnable action token (paper section 3)."""

    config_class = LlavactionConfig
    config: LlavactionConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012 - read by transformers
    _tied_weights_keys = {"lm_head.weight": "decoder.embed_tokens.weight"}  # noqa: RUF012 - read by transformers

    def __init__(self, config: LlavactionConfig) -> None:
        super().__init__(config)
        vision: Any = config.vision_config
        text: Any = config.text_config
        width = text.hidden_size
        supervision = ActionSupervision(config.supervision)
        self.vision = VisionTower(vision, config.vision_feature_layer)
        self.projector = Projector(vision.hidden_size, width)
        self.newline = nn.Parameter(torch.empty(width))
        self.action_token = (
            None
            if supervision is ActionSupervision.NONE
            else ActionToken(supervision, width, config.num_verbs, config.num_nouns, config.num_actions)
        )
        self.decoder = AutoModel.from_config(text)
        self.lm_head = LmHead(width, text.vocab_size)
        self.loss_kernel, self.loss_chunk = LossKernel.CHUNKED, LOSS_CHUNK
        self.objective = ActionObjective(
            SupervisedLayers(config.supervised_layers),
            Distillation(config.distillation),
            LossWeights(**(config.loss_weights or {})),
        )
        self.post_init()

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """Load a checkpoint, strictly.

        Raises:
            CheckpointError: when a weight is missing, unexpected or of another shape.
        """
        wants_info = kwargs.pop("output_loading_info", False)
        # Weights of other shapes are reported with the rest, below, instead of by an error that names none.
        kwargs["ignore_mismatched_sizes"] = True
        loaded: Any = super().from_pretrained(*args, output_loading_info=True, **kwargs)
        model, info = loaded
        problems = {name: list(keys) for name, keys in info.items() if keys}
        if problems:
            counts = ", ".join(f"{len(keys)} {name} (first: {keys[0]})" for name, keys in problems.items())
            raise CheckpointError(f"{args[0] if args else 'checkpoint'}: weights do not fit the model: {counts}")
        return (model, info) if wants_info else model

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Whatever moves or casts the model leaves its floating-point buffers their precision.

        They are the frequencies of the rotary embedding: rounded to bfloat16, positions some hundred tokens apart turn
        by wrong angles. transformers' loading knows that, `model.bfloat16()` and DeepSpeed do not.
        """
        before = {name: buffer for name, buffer in self.named_buffers() if buffer.is_floating_point()}
        super()._apply(fn, recurse)
        for name, buffer in self.named_buffers():
            if name in before and buffer.dtype != before[name].dtype:
                buffer.data = before[name].to(buffer.device)
        return self

    def get_input_embeddings(self) -> nn.Module:
        """The decoder's token embeddings."""
        embeddings: nn.Module = self.decoder.get_input_embeddings()
        return embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the decoder's token embeddings."""
        self.decoder.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The LM head."""
        return self.lm_head

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        width = self.newline.shape[-1]
        # Of the size of a token embedding of unit norm, so that the decoder's first norm sees nothing odd.
        if module is self:
            nn.init.normal_(self.newline, std=width**-0.5)
        if isinstance(module, ActionToken) and module.embedding is not None:
            nn.init.normal_(module.embedding, std=width**-0.5)

    def encode_videos(
        self, pixel_values_videos: Tensor, num_frames_per_video: Tensor, picture_sizes: Tensor | None = None
    ) -> Tensor:
        """Visual sequences of all videos and pictures one after the other, newlines included: `[n, D]`.

        Args:
            pixel_values_videos: `[T, 3, H, W]`, the frames of all videos and views of all pictures; uint8, or floats
                in [-1, 1].
            num_frames_per_video: `[media]`, how many belong to each; sums to T. Without any, n is 0 and the gradients
                are zeros.
            picture_sizes: `[media, 2]`, height and width of pictures as they were, 0 and 0 for videos and for pictures
                that are seen as videos of one frame; None when all are.
        """
        if not len(num_frames_per_video):
            # One blank frame, none of which is shown: processes whose batches hold no frames run every module too and
            # have a gradient for every weight, as those wait for that have some.
            blank = pixel_values_videos.new_zeros(1, *pixel_values_videos.shape[1:])
            return self.encode_videos(blank, num_frames_per_video.new_ones(1))[:0]
        patches_TND = self.projector(self.vision(normalise(pixel_values_videos, self.newline.dtype)))
        sizes = None if picture_sizes is None else [(height, width) for height, width in picture_sizes.tolist()]
        layout = self.config.token_layout
        return visual_sequences(patches_TND, self.newline, layout, num_frames_per_video.tolist(), sizes)

    def embed(self, input_ids: Tensor, visual_nD: Tensor | None) -> Tensor:
        """Token embeddings `[B, S, D]` with visual and action vectors in their placeholders."""
        embeds_BSD = self.get_input_embeddings()(input_ids)
        if visual_nD is not None:
            is_visual_BS = input_ids == self.config.video_token_id
            embeds_BSD = fill_placeholders(embeds_BSD, is_visual_BS, visual_nD, "visual")
        if self.action_token is not None and self.action_token.embedding is not None:
            is_action_BS = input_ids == self.config.action_token_id
            num_samples = int(is_action_BS.sum()) // self.action_token.num_tokens
            vectors = self.action_token.embedding.repeat(num_samples, 1)
            embeds_BSD = fill_placeholders(embeds_BSD, is_action_BS, vectors, "action")
        return embeds_BSD

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        pixel_values_videos: Tensor | None = None,
        num_frames_per_video: Tensor | None = None,
        picture_sizes: Tensor | None = None,
        visual_features: Tensor | None = None,
        labels: Tensor | None = None,
        action_labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Tensor | int | None = None,
        num_action_labels: Tensor | int | None = None,
        num_action_samples: Tensor | int | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> LlavactionOutput:
        """Run the model; with `labels` it returns losses, without them logits.

        Args:
            input_ids: `[B, S]` with placeholders for visual and action tokens. Without them the videos are encoded, as
                by `encode_videos`; but it is a call of the model, for what hooks in there (autocast, ZeRO-3).
            attention_mask: `[B, S]`, 0 over padding on either side.
            position_ids: `[B, S]`; counted from the mask when absent.
            pixel_values_videos: `[T, 3, H, W]`; see `encode_videos`.
            num_frames_per_video: `[media]`, in the order of the placeholders, row by row.
            picture_sizes: `[media, 2]`; see `encode_videos`.
            visual_features: `[n, D]` from `encode_videos`, instead of pixels, to use them more than once.
            labels: `[B, S]`, -100 where nothing is supervised.
            action_labels: `[B, 3]` verb, noun and action ids, -1 where not known.
            logits_to_keep: the last so many positions get logits, 0 all; or an index of positions; or which of each
                row, bool `[B, S]`, whose logits come one after the other, `[kept, V]`.
            num_items_in_batch: labelled tokens of the whole step over all ranks; this batch's own when None.
            num_action_labels: the same for samples with a class label.
            num_action_samples: the same for samples that the action heads read, see `action_samples`.

        Raises:
            ValueError: when placeholders and vectors differ in number.
        """
        if visual_features is None and pixel_values_videos is not None:
            assert num_frames_per_video is not None, "pixel_values_videos needs num_frames_per_video"
            visual_features = self.encode_videos(pixel_values_videos, num_frames_per_video, picture_sizes)
        if input_ids is None:
            return LlavactionOutput(visual_features=visual_features)
        if position_ids is None and attention_mask is not None and past_key_values is None:
            position_ids = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
        embeds_BSD = self.embed(input_ids, visual_features)
        places = None if self.action_token is None else self._action_places(input_ids)
        recorded: AbstractContextManager[list[Tensor]] = nullcontext([])
        if places is not None and labels is not None and self.objective.needs_all_layers:
            recorded = recorded_outputs(self.decoder.layers[:-1], places.take)
        with recorded as between:
            decoded = self.decoder(
                inputs_embeds=embeds_BSD,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_values=past_key_values,
                use_cache=use_cache if labels is None else False,
            )
        hidden_BSD = decoded.last_hidden_state
        output = LlavactionOutput(past_key_values=decoded.past_key_values)
        states: list[Tensor] = []
        if self.action_token is not None and places is not None:
            states = [places.take(embeds_BSD), *between, places.take(hidden_BSD)]
            output.action_rows = places.rows_A
            output.action_logits = self.action_token(states[-1])
        if labels is None:
            output.logits = self.lm_head(kept_states(hidden_BSD, logits_to_keep))
        else:
            lm_loss = lm_loss_sum(hidden_BSD, labels, self.lm_head, self.loss_kernel, self.loss_chunk)
            output.lm_loss = lm_loss.mean(num_items_in_batch)
            output.loss = output.lm_loss
            if states:
                labels_A3 = None if action_labels is None else action_labels[output.action_rows]
                self._add_action_losses(output, states, labels_A3, (num_action_labels, num_action_samples))
        return output

    def action_samples(self, input_ids: Tensor) -> Tensor:
        """Which rows of `input_ids` the action heads read: `[A]`."""
        return self._action_places(input_ids).rows_A

    def _action_places(self, input_ids: Tensor) -> ActionPlaces:
        assert self.action_token is not None
        is_action_BS = input_ids == self.config.action_token_id
        return self.action_token.places(is_action_BS, input_ids == self.config.video_token_id)

    def _add_action_losses(
        self, output: LlavactionOutput, states: list[Tensor], labels_A3: Tensor | None, counts: tuple[Count, Count]
    ) -> None:
        assert self.action_token is not None and output.loss is not None
        if labels_A3 is not None:
            terms = self.objective.class_losses(self.action_token, states, labels_A3, counts[0])
            output.verb_loss, output.noun_loss, output.action_loss = terms
            output.loss = output.loss + self.objective.weigh(*terms)
        output.distill_loss = self.objective.distillation_loss(states, counts[1])
        if output.distill_loss is not None:
            output.loss = output.loss + self.objective.weights.distillation * output.distill_loss

    def prepare_inputs_for_generation(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Pixels go in once: the cache holds what they became."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(*args, **kwargs)  # type: ignore[misc]
        cache = inputs.get("past_key_values")
        if cache is not None and cache.get_seq_length() > 0:
            for name in ("pixel_values_videos", "num_frames_per_video", "picture_sizes", "visual_features"):
                inputs.pop(name, None)
        return inputs
