"""The state of a predictor that looks at nothing but the last tokens: those tokens, and how many there were."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.predictors.base import State


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
