"""A video language model of transformers with our action token in its text.

B batch, S sequence, A samples with action tokens, P of them in each (1 or 3), D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from llavaction.model.action_token import ActionPlaces, ActionToken, recorded_outputs
from llavaction.model.build import ClassCounts
from llavaction.model.config import NO_LABEL, NUM_TOKENS, ActionSupervision
from llavaction.model.fusion import fill_placeholders
from llavaction.model.hosts.files import read_settings, read_weights, write_action_token
from llavaction.model.hosts.insertion import HostTokens, insert_action_tokens
from llavaction.model.losses import lm_loss_sum
from llavaction.model.modeling import LlavactionOutput
from llavaction.model.objective import ActionObjective, Count
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.seeding import seed_for


class ActionTokenHost(nn.Module):
    """Runs a model whose text holds action tokens, and teaches them.

    The model itself is left as it is: its processor, its merging of visual features and its positions see one or three
    more tokens of text, whose embeddings are ours while the host runs. Alone it answers as before.

        host = ActionTokenHost(model, ActionSupervision.ONE_TOKEN, counts, objective, action_token_id=free_id)
        inputs = host.insert_action_tokens({**processor(text=..., videos=...), "labels": labels})
        host(**inputs, action_labels=action_labels).loss.backward()
    """

    def __init__(
        self,
        model: PreTrainedModel,
        supervision: ActionSupervision,
        counts: ClassCounts,
        objective: ActionObjective,
        action_token_id: int,
        seed: int = 0,
    ) -> None:
        """Make a new action token for `model`.

        Args:
            model: has token embeddings, an LM head, a decoder with `layers`, and a `video_token_id`: Qwen2.5-VL,
                Qwen3-VL and their kin.
            action_token_id: row of its vocabulary that no text uses, such as its last one.
            seed: that the new weights depend on.

        Raises:
            ConfigError: when there is no action token, or its id is not a free row of the vocabulary.
        """
        super().__init__()
        if not NUM_TOKENS[supervision]:
            raise ConfigError(f"supervision {supervision} has no action token to put into a host")
        self.model = model
        self.objective = objective
        self.tokens = _tokens_of(model, action_token_id, NUM_TOKENS[supervision])
        embeddings: Any = model.get_input_embeddings()
        width = embeddings.weight.shape[1]
        self.action_token = ActionToken(supervision, width, counts.num_verbs, counts.num_nouns, counts.num_actions)
        self._init_weights(width, seed)
        self.action_token.to(embeddings.weight)

    def insert_action_tokens(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Places for the action tokens in what the model's processor returned; see there."""
        return insert_action_tokens(inputs, self.tokens)

    def freeze_model(self, frozen: bool = True) -> None:
        """Teach the action token and its heads alone, or (not `frozen`) everything."""
        self.model.requires_grad_(not frozen)

    def save(self, folder: Path) -> None:
        """Write the action token and its heads; the model's own weights only by `model.save_pretrained`."""
        write_action_token(folder, self.action_token, self.objective, self.tokens.action_id)

    @classmethod
    def load(cls, model: PreTrainedModel, folder: Path) -> ActionTokenHost:
        """`model` with the action token that `save` wrote.

        Raises:
            CheckpointError: when there is none, or it was made for another model.
        """
        host = cls(model, **read_settings(folder))
        read_weights(folder, host.action_token)
        return host

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor | None = None,
        action_labels: Tensor | None = None,
        logits_to_keep: int = 0,
        num_items_in_batch: Count = None,
        num_action_labels: Count = None,
        num_action_samples: Count = None,
        **inputs: Any,
    ) -> LlavactionOutput:
        """Run the model; with `labels` it returns losses, without them logits.

        Args:
            input_ids: `[B, S]`, see `insert_action_tokens`.
            labels: `[B, S]`, -100 where nothing is supervised.
            action_labels: `[B, 3]` verb, noun and action ids, -1 where not known.
            logits_to_keep: the last so many positions get logits, 0 all.
            num_items_in_batch, num_action_labels, num_action_samples: terms of the whole step over all ranks; this
                batch's own when None.
            inputs: what else the model's own `forward` takes.

        Raises:
            DataError: when a row holds a part of the action tokens, or a class label and none of them.
        """
        places = self._places(input_ids, action_labels)
        decoder: Any = self.model.get_decoder()
        looks_between = labels is not None and self.objective.needs_all_layers
        inputs.setdefault("use_cache", labels is None)
        layers = decoder.layers[:-1] if looks_between else ()
        with self._hosting(), recorded_outputs(layers, places.take) as between:
            decoded = self.model.base_model(input_ids=input_ids, **inputs)
        hidden_BSD = decoded.last_hidden_state
        # In the order of the objective: what went into the decoder, what came out of its layers, and its output.
        states = [self._vectors(len(places.rows_A)).to(hidden_BSD.dtype)]
        states += [*between, places.take(hidden_BSD)]
        output = LlavactionOutput(past_key_values=decoded.past_key_values, action_rows=places.rows_A)
        output.action_logits = self.action_token(states[-1])
        lm_head: Any = self.model.get_output_embeddings()
        if labels is None:
            output.logits = lm_head(hidden_BSD[:, -logits_to_keep:])
        else:
            output.lm_loss = output.loss = lm_loss_sum(hidden_BSD, labels, lm_head).mean(num_items_in_batch)
            labels_A3 = None if action_labels is None else action_labels[places.rows_A]
            self._add_action_losses(output, states, labels_A3, (num_action_labels, num_action_samples))
        return output

    def generate(self, **inputs: Any) -> Any:
        """The model's own `generate`; the action token is seen and never said."""
        generation: Any = self.model.generation_config
        suppressed = [*(generation.suppress_tokens or []), self.tokens.action_id]
        model: Any = self.model
        with self._hosting():
            return model.generate(**inputs, suppress_tokens=suppressed)

    def action_samples(self, input_ids: Tensor) -> Tensor:
        """Which rows of `input_ids` the action heads read: `[A]`."""
        return self._places(input_ids, None).rows_A

    def _add_action_losses(
        self, output: LlavactionOutput, states: list[Tensor], labels_A3: Tensor | None, counts: tuple[Count, Count]
    ) -> None:
        assert output.loss is not None
        if labels_A3 is not None:
            terms = self.objective.class_losses(self.action_token, states, labels_A3, counts[0])
            output.verb_loss, output.noun_loss, output.action_loss = terms
            output.loss = output.loss + self.objective.weigh(*terms)
        output.distill_loss = self.objective.distillation_loss(states, counts[1])
        if output.distill_loss is not None:
            output.loss = output.loss + self.objective.weights.distillation * output.distill_loss

    @contextmanager
    def _hosting(self) -> Iterator[None]:
        """While it lasts, the model's token embeddings are ours at the action tokens."""

        def fill(module: nn.Module, arguments: tuple[Tensor], embeds_BSD: Tensor) -> Tensor:
            is_action_BS = arguments[0] == self.tokens.action_id
            num_samples = int(is_action_BS.sum()) // self.tokens.num_action_tokens
            return fill_placeholders(embeds_BSD, is_action_BS, self._vectors(num_samples).flatten(0, 1), "action")

        handle = self.model.get_input_embeddings().register_forward_hook(fill)
        try:
            yield
        finally:
            handle.remove()

    def _vectors(self, num_samples: int) -> Tensor:
        """The action tokens of so many samples: `[A, P, D]`."""
        assert self.action_token.embedding is not None
        return self.action_token.embedding.expand(num_samples, -1, -1)

    def _places(self, input_ids: Tensor, action_labels: Tensor | None) -> ActionPlaces:
        is_action_BS = input_ids == self.tokens.action_id
        numbers_B = is_action_BS.sum(1)
        if not ((numbers_B == 0) | (numbers_B == self.tokens.num_action_tokens)).all():
            raise DataError(
                f"rows hold {numbers_B.tolist()} action tokens; each must hold {self.tokens.num_action_tokens} or "
                "none, see insert_action_tokens"
            )
        if action_labels is not None and ((action_labels != NO_LABEL).any(1) & (numbers_B == 0)).any():
            raise DataError(
                "a row has a class label and no action token; give the processor's output to insert_action_tokens, "
                "and rows without a video the label -1"
            )
        return self.action_token.places(is_action_BS, input_ids == self.tokens.video_id)

    def _init_weights(self, width: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed_for(seed, "action_token") % 2**63)
        for name, weight in self.action_token.named_parameters():
            # The vectors like token embeddings of unit norm, the heads as transformers initialises linear layers.
            nn.init.normal_(weight, std=width**-0.5 if name == "embedding" else 0.02, generator=generator)


def _tokens_of(model: PreTrainedModel, action_token_id: int, num_action_tokens: int) -> HostTokens:
    config: Any = model.config
    embeddings: Any = model.get_input_embeddings()
    num_rows = len(embeddings.weight)
    settings = {**config.get_text_config().to_dict(), **config.to_dict()}
    names = [name for name, value in settings.items() if name.endswith("_token_id") and value == action_token_id]
    if not 0 <= action_token_id < num_rows or names:
        raise ConfigError(
            f"action_token_id = {action_token_id}: {f'is the {names[0]}' if names else f'there are {num_rows} rows'}; "
            f"choose a row of the vocabulary that no text uses, such as {num_rows - 1}"
        )
    return HostTokens(
        video_id=config.video_token_id,
        video_end_id=getattr(config, "vision_end_token_id", None),
        pad_id=config.get_text_config().pad_token_id or 0,
        action_id=action_token_id,
        num_action_tokens=num_action_tokens,
    )
