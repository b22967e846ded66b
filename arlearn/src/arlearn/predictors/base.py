"""The contract every predictor keeps: tokens in, logits of the next token out.

Malach (ICML 2024), section 2, calls the object an auto-regressive next-token predictor: a function from a prefix of
tokens to a token. Here it is a ``torch.nn.Module`` that gives the logits for every prefix at once (``forward``), the
mean cross-entropy of a batch (``loss``), and the same logits a few tokens at a time (``start``, ``prefill`` and ``step``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class State(ABC):
    """What a predictor remembers of the tokens it has been stepped through, for a batch of sequences."""

    @property
    @abstractmethod
    def length(self) -> int:
        """How many tokens have been consumed so far (not capped at the context length)."""

    @abstractmethod
    def select(self, rows: Int[Tensor, " kept"]) -> State:
        """Keep only these rows of the batch (finished sequences leave, a prompt is repeated), in this order."""


class Predictor(nn.Module, ABC):
    """Tokens -> logits of the next token.

    Attributes:
        kind: name under which ``save`` records the class, and ``load_predictor`` finds it.
        vocabulary: number of tokens V; tokens are the integers 0..V-1.
        context: the longest input ``forward`` takes, in tokens; None where any length will do.
    """

    kind: ClassVar[str]
    vocabulary: int
    context: int | None

    @abstractmethod
    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length vocabulary"]:
        """Logits of the next token after every prefix. Raises ArlearnError if length > context."""

    @abstractmethod
    def loss(
        self, tokens: Int[Tensor, "batch length"], counted: Bool[Tensor, "batch length"] | None = None
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy in nats over the targets that count.

        ``tokens`` holds inputs and targets alike: the logits after ``tokens[:, :i]`` predict ``tokens[:, i]``, so a
        context of T trains on rows of up to T + 1 tokens. ``counted[b, i]`` says whether token i is a target that
        counts; token 0 is never a target. Prompts and padding do not count. None: all targets count.
        Raises ArlearnError if nothing counts.
        """

    @abstractmethod
    def start(self, batch: int) -> State:
        """The state before any token, for ``batch`` sequences."""

    @abstractmethod
    def prefill(
        self, state: State, tokens: Int[Tensor, "batch new"]
    ) -> tuple[Float[Tensor, "batch vocabulary"], State]:
        """Consume several tokens (at least one) of each sequence; give the logits after the last.

        They equal ``forward``'s last row. Past ``context`` tokens the window slides: the logits are those of ``forward``
        on the last ``context`` tokens. The state handed in must not be used again.
        """

    def step(self, state: State, token: Int[Tensor, " batch"]) -> tuple[Float[Tensor, "batch vocabulary"], State]:
        """Consume one token of each sequence; give the logits of the next, as ``prefill`` does."""
        return self.prefill(state, token[:, None])

    @abstractmethod
    def configuration(self) -> dict[str, Any]:
        """JSON-ready keyword arguments that rebuild this predictor's shape with ``from_configuration``."""

    @classmethod
    @abstractmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> Predictor:
        """A predictor of this shape, weights not yet loaded. Raises ArlearnError if it makes no sense."""

    def frozen(self) -> list[str]:
        """Names of the weights that are given rather than learned; written to every card and table."""
        return [name for name, parameter in self.named_parameters() if not parameter.requires_grad]

    def parameter_count(self) -> int:
        """Number of stored weights, learned or given."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device
