"""The one interface of the causal linear maps over positions.

Malach (ICML 2024), section 2: the linear predictor's middle layer sends a sequence of vectors x_0..x_{T-1} to
``out_t = sum over s <= t of W[t, s] x_s``. Which blocks ``W[t, s]`` exist, and which are shared, is all that
distinguishes one map from another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.errors import ArlearnError


class CausalMap(nn.Module, ABC):
    """``out_t = sum over s <= t of W[t, s] x_s``; no bias.

    Attributes:
        kind: the name under which ``build_map`` finds the class.
        context: the longest sequence ``forward`` takes; None if any length will do.
        window: how many of the last inputs an output can depend on.
        inputs: width of each x_s.
        outputs: width of each out_t.
        weight: the one parameter; its layout is the subclass's.
    """

    kind: ClassVar[str]
    context: int | None
    window: int
    inputs: int
    outputs: int
    weight: nn.Parameter

    @abstractmethod
    def forward(self, x: Float[Tensor, "batch length inputs"]) -> Float[Tensor, "batch length outputs"]:
        """All positions at once. Raises ArlearnError if length > context or the width is wrong."""

    def pick(self, columns: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length outputs"]:
        """``forward`` of one-hot inputs, given by the place of their one. Some maps gain from that."""
        one_hot = nn.functional.one_hot(columns, self.inputs)
        out: Tensor = self(one_hot.to(self.weight.dtype))
        return out

    def sources(self, position: int) -> list[int] | None:
        """The input positions that reach ``position``, ascending; None for all of them (0..position)."""
        return None

    @abstractmethod
    def gather(self, x: Float[Tensor, "batch sources inputs"], position: int) -> Float[Tensor, "batch outputs"]:
        """Output at ``position`` from the inputs at ``sources(position)`` alone."""

    def row(self, window: Float[Tensor, "batch seen inputs"], position: int) -> Float[Tensor, "batch outputs"]:
        """Output at ``position`` from the inputs 0..position (seen = position + 1)."""
        if window.shape[1] != position + 1:
            raise ArlearnError(f"output {position} needs inputs 0..{position}, got {window.shape[1]} inputs")
        sources = self.sources(position)
        return self.gather(window if sources is None else window[:, sources], position)

    @abstractmethod
    def block(self, to: int, frm: int) -> Float[Tensor, "outputs inputs"] | None:
        """W[to, frm]; None if it is zero by construction."""

    @abstractmethod
    def configuration(self) -> dict[str, Any]:
        """JSON-ready keyword arguments of the constructor."""

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> CausalMap:
        return cls(**configuration)

    def check(self, x: Tensor) -> None:
        """Raise ArlearnError unless x is (batch, length <= context, inputs)."""
        if x.dim() != 3 or x.shape[2] != self.inputs:
            raise ArlearnError(f"the map takes (batch, length, {self.inputs}), got {tuple(x.shape)}")
        self.check_length(x.shape[1])

    def check_length(self, length: int) -> None:
        """Raise ArlearnError if there are more positions than the context."""
        if self.context is not None and length > self.context:
            raise ArlearnError(f"{length} positions are more than the context of {self.context}")


def check_sizes(**sizes: int) -> None:
    """Raise ArlearnError, naming every offender at once, unless all are positive integers."""
    wrong = [f"{name} = {size!r}" for name, size in sizes.items() if not isinstance(size, int) or size < 1]
    if wrong:
        raise ArlearnError(f"a causal map needs positive whole sizes, got {', '.join(wrong)}")


def compute_dtype(x: Tensor) -> torch.dtype:
    """The type products are made in: bfloat16 for float32 under bfloat16 autocast, else the tensor's own."""
    device = x.device.type
    if torch.is_autocast_enabled(device) and x.dtype in (torch.float32, torch.bfloat16):
        return torch.bfloat16 if torch.get_autocast_dtype(device) == torch.bfloat16 else x.dtype
    return x.dtype
