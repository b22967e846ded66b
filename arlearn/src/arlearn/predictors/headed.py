"""What the predictors with an output embedding share: logits and loss are of what the head sees."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from arlearn.kernels.cross_entropy import linear_cross_entropy
from arlearn.predictors.base import Predictor
from arlearn.predictors.inputs import counted_targets


class HeadedPredictor(Predictor):
    """A predictor whose logits are ``hidden @ head.T + head_bias``: ``head`` (V, width), ``head_bias`` (V) or None."""

    head: nn.Parameter
    head_bias: nn.Parameter | None

    @abstractmethod
    def hidden(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length width"]:
        """What the head sees at every position. Raises ArlearnError if length > context."""

    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length vocabulary"]:
        return nn.functional.linear(self.hidden(tokens), self.head, self.head_bias)

    def loss(
        self, tokens: Int[Tensor, "batch length"], counted: Bool[Tensor, "batch length"] | None = None
    ) -> Float[Tensor, ""]:
        rows, targets = counted_targets(self, tokens, counted)
        hidden = self.hidden(tokens[:, :-1]).flatten(0, 1)
        return linear_cross_entropy(hidden if rows is None else hidden[rows], self.head, targets, self.head_bias)
