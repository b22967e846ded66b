"""The interface of every predictor: tokens in, logits of the next token out.

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

from arlearn.errors import ArlearnError

ABSENT = -1  # where a row of generated tokens has no token: after its stop token


class State(ABC):
    """What a predictor remembers of the tokens it has been stepped through, for a batch of sequences."""

    @property
    @abstractmethod
    def length(self) -> int:
        """How many tokens have been consumed so far (not capped at the context length)."""

    @abstractmethod
    def select(self, rows: Int[Tensor, " kept"]) -> State:
        """Keep only these rows of the batch (finished sequences leave, a prompt is repeated), in this order."""


class Window(State):
    """The last ``width`` tokens of each sequence of a batch.

    The buffer holds twice the window: tokens are written side by side, and only when it is full are the last ones
    moved to its front, so that the window is always one slice and a token costs amortised constant time.
    """

    def __init__(self, batch: int, width: int, device: torch.device) -> None:
        self.width = width
        self._tokens = torch.zeros(batch, 2 * width, dtype=torch.long, device=device)
        self._filled = 0
        self._length = 0

    @property
    def length(self) -> int:
        return self._length

    @property
    def batch(self) -> int:
        return self._tokens.shape[0]

    @property
    def tokens(self) -> Int[Tensor, "batch seen"]:
        """The tokens in the window, oldest first; at most ``width`` of them."""
        return self._tokens[:, max(0, self._filled - self.width) : self._filled]

    def append(self, tokens: Int[Tensor, "batch new"]) -> None:
        """Add tokens at the end; the oldest fall out of the window."""
        self._length += tokens.shape[1]
        tokens = tokens[:, -self.width :]
        new = tokens.shape[1]
        if self._filled + new > self._tokens.shape[1]:
            kept = self.tokens[:, new - self.width :] if new < self.width else self.tokens[:, :0]
            kept = kept.clone()
            self._tokens[:, : kept.shape[1]] = kept
            self._filled = kept.shape[1]
        self._tokens[:, self._filled : self._filled + new] = tokens
        self._filled += new

    def select(self, rows: Int[Tensor, " kept"]) -> Window:
        kept = Window.__new__(Window)
        kept.width, kept._filled, kept._length = self.width, self._filled, self._length
        kept._tokens = self._tokens[rows]
        return kept


class Predictor(nn.Module, ABC):
    """Tokens -> logits of the next token.

    Attributes:
        kind: name under which ``save`` records the class, and ``load_predictor`` finds it.
        vocabulary: number of tokens V; tokens are the integers 0..V-1.
        context: the longest input ``forward`` takes, in tokens; None if any length will do.
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
        """A predictor of this shape, weights not yet loaded. Raises ArlearnError if the configuration is invalid."""

    def frozen(self) -> list[str]:
        """Names of the weights that are given rather than learned; written to every card and table."""
        return [name for name, parameter in self.named_parameters() if not parameter.requires_grad]

    def parameter_count(self) -> int:
        """Number of stored weights, learned or given."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device


def check_tokens(predictor: Predictor, tokens: Int[Tensor, "batch length"]) -> None:
    """Raise ArlearnError unless tokens are (batch, length <= context) integers."""
    if tokens.dim() != 2 or tokens.is_floating_point():
        raise ArlearnError(f"tokens must be integers (batch, length), got {tokens.dtype} {tuple(tokens.shape)}")
    if predictor.context is not None and tokens.shape[1] > predictor.context:
        raise ArlearnError(f"{tokens.shape[1]} tokens are more than the context of {predictor.context}")


def counted_targets(
    predictor: Predictor, tokens: Int[Tensor, "batch length"], counted: Bool[Tensor, "batch length"] | None
) -> tuple[Int[Tensor, " rows"] | None, Int[Tensor, " rows"]]:
    """The rows of the flattened (batch, length - 1) that count, and their targets; None for all rows.

    Raises ArlearnError if nothing counts.
    """
    targets = tokens[:, 1:].flatten()
    if counted is not None:
        if counted.shape != tokens.shape:
            raise ArlearnError(f"counted is {tuple(counted.shape)}, the tokens are {tuple(tokens.shape)}")
        mask = counted[:, 1:].flatten()
        if not bool(mask.all()):
            rows = mask.nonzero()[:, 0]
            if rows.numel() == 0:
                raise ArlearnError("no target counts, so there is no loss")
            return rows, targets[rows]
    if targets.numel() == 0:
        raise ArlearnError("no target counts, so there is no loss: a row needs at least two tokens")
    return None, targets
