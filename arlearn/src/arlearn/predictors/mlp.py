"""The shallow MLP predictor: the linear one with two ReLUs and one more layer at each position."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from arlearn.predictors.linear import MappedPredictor, freeze, fresh_map, read_configuration
from arlearn.predictors.maps.base import CausalMap


class MLPPredictor(MappedPredictor):
    """Malach 2024, experiment 2: embedding -> causal map -> ReLU -> Linear(d, d) -> ReLU -> output embedding.

    A token costs T·d² (the map's row) + d² + d·V multiply-adds.
    """

    kind = "mlp"

    def __init__(self, vocabulary: int, map: CausalMap, bias: bool = False) -> None:
        super().__init__()
        self.vocabulary, self.context = vocabulary, map.context
        self.embedding = nn.Parameter(torch.zeros(vocabulary, map.inputs))
        self.map = map
        self.middle = nn.Linear(map.outputs, map.outputs)
        self.head = nn.Parameter(torch.zeros(vocabulary, map.outputs))
        self.head_bias = nn.Parameter(torch.zeros(vocabulary)) if bias else None

    @classmethod
    def build(
        cls, vocabulary: int, context: int, width: int, map: str = "packed", seed: int = 0, bias: bool = False
    ) -> MLPPredictor:
        """A predictor to be trained from scratch, with PyTorch's usual initial distributions."""
        generator = torch.Generator().manual_seed(seed)
        predictor = cls(vocabulary, fresh_map(map, context, width, generator), bias)
        bound = width**-0.5
        with torch.no_grad():
            predictor.embedding.normal_(generator=generator)
            for parameter in (predictor.middle.weight, predictor.middle.bias, predictor.head):
                parameter.uniform_(-bound, bound, generator=generator)
        return predictor

    def after(self, mapped: Float[Tensor, "... outputs"]) -> Float[Tensor, "... outputs"]:
        out: Tensor = self.middle(mapped.relu())
        return out.relu()

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> MLPPredictor:
        vocabulary, map, bias, frozen = read_configuration(configuration)
        predictor = cls(vocabulary, map, bias)
        freeze(predictor, frozen)
        return predictor
