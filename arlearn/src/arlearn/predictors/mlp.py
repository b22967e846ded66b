"""The shallow MLP predictor: the linear one with two ReLUs and one more layer at each position."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.predictors.base import State, Window, check_tokens
from arlearn.predictors.linear import freeze, fresh_map, last_output, read_configuration
from arlearn.predictors.maps.base import CausalMap
from arlearn.predictors.output_head import HeadedPredictor


class MLPPredictor(HeadedPredictor):
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

    def _after(self, mapped: Float[Tensor, "... width"]) -> Float[Tensor, "... width"]:
        out: Tensor = self.middle(mapped.relu())
        return out.relu()

    def hidden(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length width"]:
        """What the head sees at every position."""
        check_tokens(self, tokens)
        return self._after(self.map(nn.functional.embedding(tokens, self.embedding)))

    def start(self, batch: int) -> Window:
        return Window(batch, self.map.window, self.device)

    @torch.no_grad()
    def prefill(
        self, state: State, tokens: Int[Tensor, "batch new"]
    ) -> tuple[Float[Tensor, "batch vocabulary"], State]:
        assert isinstance(state, Window)
        state.append(tokens)
        hidden = self._after(last_output(self.map, self.embedding, state))
        return self.next_logits(hidden), state

    def configuration(self) -> dict[str, Any]:
        return {
            "vocabulary": self.vocabulary,
            "map": {"kind": self.map.kind, "configuration": self.map.configuration()},
            "bias": self.head_bias is not None,
            "frozen": self.frozen(),
        }

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> MLPPredictor:
        vocabulary, map, bias, frozen = read_configuration(configuration)
        predictor = cls(vocabulary, map, bias)
        freeze(predictor, frozen)
        return predictor
