"""The mean of the weights over the last part of a run (Polyak and Juditsky 1992), which is then the model.

An update follows the few examples of its batch, so the weights never stop moving about the place where the loss is
least; their mean lies nearer to it. What is trained, and how, stays the same: the mean is only taken beside it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor

PREFIX = "average."


class WeightAverage:
    """The running mean of a predictor's learned weights after each update, of equal weight, in float32.

    Attributes:
        count: updates that it is the mean of.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._learned = {name: weight for name, weight in predictor.named_parameters() if weight.requires_grad}
        self._mean: dict[str, Tensor] = {}
        self.count = 0

    @torch.no_grad()
    def add(self) -> None:
        """Take the weights as they are now into the mean."""
        self.count += 1
        if self.count == 1:
            self._mean = {name: weight.detach().clone() for name, weight in self._learned.items()}
        for name, weight in self._learned.items():
            self._mean[name].lerp_(weight, 1 / self.count)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The predictor has the mean as its weights until the end of the block; its own ones come back then."""
        own = {name: weight.detach().clone() for name, weight in self._learned.items()} if self.count else {}
        self.apply()
        try:
            yield
        finally:
            self._set(own)

    def apply(self) -> None:
        """Make the mean the predictor's weights, if there is one."""
        self._set(self._mean)

    @torch.no_grad()
    def _set(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self._learned[name].copy_(value)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps, with ``count``; ``restore`` takes both back."""
        return {PREFIX + name: value.cpu().contiguous() for name, value in self._mean.items()}

    def restore(self, tensors: Mapping[str, Tensor], count: int) -> None:
        """Raises ArlearnError if the tensors are no mean of this predictor's weights."""
        found = {name[len(PREFIX) :]: value for name, value in tensors.items() if name.startswith(PREFIX)}
        wanted = self._learned if count else {}
        if {name: value.shape for name, value in found.items()} != {n: w.shape for n, w in wanted.items()}:
            raise ArlearnError("the checkpoint's mean of the weights does not fit this recipe")
        self.count = count
        self._mean = {name: value.to(self._learned[name].device) for name, value in found.items()}
