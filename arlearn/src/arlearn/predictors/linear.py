"""The linear next-token predictor: embedding, causal linear map over positions, output embedding. Nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.errors import ArlearnError
from arlearn.predictors.base import State, Window, check_tokens
from arlearn.predictors.maps import build_map
from arlearn.predictors.maps.base import CausalMap
from arlearn.predictors.maps.packed import PackedMap
from arlearn.predictors.output_head import HeadedPredictor


class MappedPredictor(HeadedPredictor):
    """An embedding (V, inputs), a causal map over positions, and whatever lies between it and the head."""

    embedding: nn.Parameter
    map: CausalMap

    def after(self, mapped: Float[Tensor, "... outputs"]) -> Float[Tensor, "... outputs"]:
        """What the head sees of the map's output."""
        return mapped

    def hidden(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length outputs"]:
        """What the head sees at every position."""
        check_tokens(self, tokens)
        return self.after(self.map(nn.functional.embedding(tokens, self.embedding)))

    def start(self, batch: int) -> Window:
        return Window(batch, self.map.window, self.device)

    @torch.no_grad()
    def prefill(
        self, state: State, tokens: Int[Tensor, "batch new"]
    ) -> tuple[Float[Tensor, "batch vocabulary"], State]:
        assert isinstance(state, Window)
        state.append(tokens)
        return self.next_logits(self.after(self._last_output(state))), state

    def _last_output(self, state: Window) -> Float[Tensor, "batch outputs"]:
        """The map's output after the last token."""
        return last_output(self.map, self.embedding, state)

    def configuration(self) -> dict[str, Any]:
        return {
            "vocabulary": self.vocabulary,
            "map": {"kind": self.map.kind, "configuration": self.map.configuration()},
            "bias": self.head_bias is not None,
            "frozen": self.frozen(),
        }


class LinearPredictor(MappedPredictor):
    """Malach 2024, experiment 1: ``logits_t = head (sum over s <= t of W[t, s] embedding[token_s]) + bias``.

    Parameters: ``embedding`` (V, inputs), ``map.weight`` (the map's own layout), ``head`` (V, outputs) and, if given,
    ``head_bias`` (V). ``frozen`` names those that are given rather than learned.
    """

    kind = "linear"

    def __init__(
        self,
        embedding: Float[Tensor, "vocabulary inputs"],
        map: CausalMap,
        head: Float[Tensor, "vocabulary outputs"],
        head_bias: Float[Tensor, " vocabulary"] | None = None,
        *,
        frozen: Sequence[str] = (),
    ) -> None:
        super().__init__()
        vocabulary = embedding.shape[0]
        if tuple(embedding.shape) != (vocabulary, map.inputs) or tuple(head.shape) != (vocabulary, map.outputs):
            raise ArlearnError(
                f"an embedding {tuple(embedding.shape)}, a map {map.inputs} -> {map.outputs} and a head "
                f"{tuple(head.shape)} do not fit together"
            )
        if head_bias is not None and tuple(head_bias.shape) != (vocabulary,):
            raise ArlearnError(f"the head's bias must have {vocabulary} values, got {tuple(head_bias.shape)}")
        self.vocabulary, self.context = vocabulary, map.context
        self.embedding = nn.Parameter(embedding.detach().clone())
        self.map = map
        self.head = nn.Parameter(head.detach().clone())
        self.head_bias = None if head_bias is None else nn.Parameter(head_bias.detach().clone())
        freeze(self, frozen)
        self._seen: tuple[int, int] | None = None  # which embedding ``_one_hot`` has looked at
        self._columns: Tensor | None = None

    @classmethod
    def build(
        cls, vocabulary: int, context: int, width: int, map: str = "packed", seed: int = 0, bias: bool = False
    ) -> LinearPredictor:
        """A predictor to be trained from scratch, with PyTorch's usual initial distributions.

        The embedding is N(0, 1), the map uniform in +-1/sqrt(context * width), the head uniform in +-1/sqrt(width):
        what ``nn.Embedding`` and ``nn.Linear`` give the paper's three layers.
        """
        generator = torch.Generator().manual_seed(seed)
        causal = fresh_map(map, context, width, generator)
        embedding = torch.randn(vocabulary, width, generator=generator)
        head = torch.empty(vocabulary, width).uniform_(-(width**-0.5), width**-0.5, generator=generator)
        return cls(embedding, causal, head, torch.zeros(vocabulary) if bias else None)

    def hidden(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length outputs"]:
        """What the head sees at every position."""
        columns = self._one_hot()
        if columns is None:
            return super().hidden(tokens)
        check_tokens(self, tokens)
        return self.map.pick(columns[tokens])

    def _last_output(self, state: Window) -> Float[Tensor, "batch outputs"]:
        columns = self._one_hot()
        if columns is not None and isinstance(self.map, PackedMap):
            return self.map.pick_last(columns[state.tokens])
        return super()._last_output(state)

    def _one_hot(self) -> Int[Tensor, " vocabulary"] | None:
        """The place of each embedding's one, if the embedding is frozen and exactly one-hot; None otherwise.

        Only a packed map gains from it, as a block of its weights is then a table whose rows are looked up.
        """
        if self.embedding.requires_grad or not isinstance(self.map, PackedMap):
            return None
        seen = (self.embedding.data_ptr(), self.embedding._version)
        if seen != self._seen:
            columns = self.embedding.argmax(1)
            exact = torch.equal(self.embedding, nn.functional.one_hot(columns, self.map.inputs).to(self.embedding))
            self._seen, self._columns = seen, columns if exact else None
        return self._columns

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> LinearPredictor:
        vocabulary, map, bias, frozen = read_configuration(configuration)
        return cls(
            torch.zeros(vocabulary, map.inputs),
            map,
            torch.zeros(vocabulary, map.outputs),
            torch.zeros(vocabulary) if bias else None,
            frozen=frozen,
        )


def fresh_map(kind: str, context: int, width: int, generator: torch.Generator) -> CausalMap:
    """A square packed or shift map with entries uniform in +-1/sqrt(context * width)."""
    if kind == "packed":
        map = build_map("packed", {"context": context, "inputs": width, "outputs": width})
    elif kind == "shift":
        map = build_map("shift", {"inputs": width, "outputs": width, "span": context})
    else:
        raise ArlearnError(f"a predictor trained from scratch has a packed or a shift map, not {kind!r}")
    bound = (context * width) ** -0.5
    with torch.no_grad():
        map.weight.uniform_(-bound, bound, generator=generator)
    return map


def last_output(
    map: CausalMap, embedding: Float[Tensor, "vocabulary inputs"], state: Window
) -> Float[Tensor, "batch outputs"]:
    """The map's output after the last token, reading only the inputs that reach it.

    A map without a context is told the position in the whole sequence, the others the position in their window.
    """
    tokens = state.tokens
    seen = tokens.shape[1]
    position = (state.length if map.context is None else seen) - 1
    sources = map.sources(position)
    if sources is not None:
        first = position + 1 - seen
        tokens = tokens[:, [source - first for source in sources]]
    return map.gather(nn.functional.embedding(tokens, embedding), position)


def freeze(predictor: nn.Module, names: Sequence[str]) -> None:
    """Mark these parameters as given. Raises ArlearnError for a name the predictor does not have."""
    parameters = dict(predictor.named_parameters())
    unknown = [name for name in names if name not in parameters]
    if unknown:
        raise ArlearnError(f"cannot freeze {', '.join(unknown)}; the weights are {', '.join(parameters)}")
    for name in names:
        parameters[name].requires_grad_(False)


def read_configuration(configuration: dict[str, Any]) -> tuple[int, CausalMap, bool, list[str]]:
    """Vocabulary, map, whether the head has a bias, and frozen names. Raises ArlearnError if anything is missing."""
    try:
        vocabulary = int(configuration["vocabulary"])
        map = build_map(configuration["map"]["kind"], configuration["map"]["configuration"])
        return vocabulary, map, bool(configuration.get("bias", False)), list(configuration.get("frozen", []))
    except (KeyError, TypeError, ValueError) as error:
        raise ArlearnError(f"the predictor's configuration is invalid: {error!r}") from error
