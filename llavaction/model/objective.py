"""What the action token is taught: which hidden states, by which losses, with which weights.

A samples that the heads read, P places in each, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from llavaction.model.action_token import ActionToken
from llavaction.model.config import Distillation, LayerAverage, LossWeights, SupervisedLayers
from llavaction.model.losses import class_loss_sums, distillation_sum

Count = Tensor | int | None
"""Terms of the whole step over all ranks; this batch's own when None."""

_TAUGHT = {
    SupervisedLayers.LAST_LAYER: slice(-1, None),
    SupervisedLayers.FIRST_LAYER: slice(0, 1),
    SupervisedLayers.ALL_LAYERS: slice(None),
}


@dataclass(frozen=True)
class ActionObjective:
    """The loss terms of the action token.

    Its hidden states are, in order: the decoder's input, the outputs of its layers but the last, and the final norm's
    output, all as `[A, P, D]`. Only the first and the last of them where `needs_all_layers` is false.
    """

    layers: SupervisedLayers
    distillation: Distillation
    weights: LossWeights

    @property
    def needs_all_layers(self) -> bool:
        """Whether the outputs of the layers between are looked at."""
        return self.layers is SupervisedLayers.ALL_LAYERS or self.distillation is not Distillation.NONE

    def class_losses(
        self, token: ActionToken, states: Sequence[Tensor], labels_A3: Tensor, num_labels: Count
    ) -> list[Tensor]:
        """Verb, noun and action loss over the supervised states."""
        taught = states[_TAUGHT[self.layers]]
        logits = [token(state) for state in taught]
        return [s.mean(num_labels) for s in class_loss_sums(logits, labels_A3, self._divisor(len(taught)))]

    def distillation_loss(self, states: Sequence[Tensor], num_samples: Count) -> Tensor | None:
        """Divergence of the other states from the teacher's; None without a teacher."""
        if self.distillation is Distillation.NONE:
            return None
        from_last = self.distillation is Distillation.FROM_LAST
        teacher, students = (states[-1], states[:-1]) if from_last else (states[0], states[1:])
        return distillation_sum(teacher, students, self._divisor(len(students))).mean(num_samples)

    def weigh(self, verb: Tensor, noun: Tensor, action: Tensor) -> Tensor:
        """The class terms as they are added to the language model's loss."""
        weights = self.weights
        return weights.action * (weights.verb * verb + weights.noun * noun + weights.action_class * action)

    def _divisor(self, num_states: int) -> int:
        return num_states + (self.weights.layer_average is LayerAverage.REFERENCE)
