"""The baseline: the same predictor as an ordinary masked dense layer, the way it is usually written down."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.packed import PackedMap


class DensePredictor(nn.Module):
    """Embedding, ``Linear(T·d, T·d)`` whose weight is multiplied by a block-causal mask in each forward, output layer.

    It takes exactly T tokens and gives the logits of all T positions.
    """

    mask: Tensor

    def __init__(self, vocabulary: int, context: int, width: int) -> None:
        super().__init__()
        self.context, self.width = context, width
        self.embedding = nn.Embedding(vocabulary, width)
        self.mixing = nn.Linear(context * width, context * width, bias=False)
        self.head = nn.Linear(width, vocabulary, bias=False)
        position = torch.arange(context).repeat_interleave(width)
        self.register_buffer("mask", (position[:, None] >= position[None, :]).float())

    def forward(self, tokens: Int[Tensor, "batch context"]) -> Float[Tensor, "batch context vocabulary"]:
        return self.logits(tokens, self.mixing.weight * self.mask)

    def logits(self, tokens: Int[Tensor, "batch context"], mixing: Tensor) -> Tensor:
        """The same with a weight that has been masked before."""
        flat = self.embedding(tokens).flatten(1)
        out: Tensor = self.head(nn.functional.linear(flat, mixing).view(*tokens.shape, self.width))
        return out

    def loss(self, tokens: Int[Tensor, "batch context_and_one"]) -> Float[Tensor, ""]:
        return nn.functional.cross_entropy(self(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    @torch.no_grad()
    def load(self, predictor: LinearPredictor) -> None:
        """Take over a packed predictor's weights."""
        assert isinstance(predictor.map, PackedMap)
        self.embedding.weight.copy_(predictor.embedding)
        self.head.weight.copy_(predictor.head)
        for t in range(self.context):
            for s in range(t + 1):
                block = predictor.map.block(t, s)
                assert block is not None
                rows, columns = (slice(place * self.width, (place + 1) * self.width) for place in (t, s))
                self.mixing.weight[rows, columns] = block
