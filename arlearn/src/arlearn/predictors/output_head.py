"""The output embedding: what the predictors that end in one share, and the product that generating a token consists of.

Generating multiplies a few rows with a large matrix. Such a product reads each weight once and uses it once, so memory
sets its speed, and the CPU's library runs it on one thread, which does not draw all that the memory can give. Here the
outputs are cut into pieces that the calling thread and some helpers take in turn. Each piece is one call of the
library, so the result does not depend on which thread makes it (with MKL it is the undivided product bit for bit). A
helper that the system does not let run costs nothing: the caller takes the pieces itself. (Batched products share out
the work as well, but wait at a barrier for every thread, which is ten times slower on a machine that is busy.)
"""

from __future__ import annotations

from abc import abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from threading import Lock

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from arlearn.predictors.base import Predictor, counted_targets
from arlearn.predictors.cross_entropy import linear_cross_entropy

FEW = 4  # with more rows the library's product is threaded, and faster
SMALL = 1 << 20  # elements below which sharing does not pay
PIECES = 4  # for each thread


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

    def next_logits(self, hidden: Float[Tensor, "batch width"]) -> Float[Tensor, "batch vocabulary"]:
        """The logits of one position of each sequence, as in generating."""
        return few_rows_linear(hidden, self.head, self.head_bias)


def few_rows_linear(
    x: Float[Tensor, "batch inputs"], weight: Float[Tensor, "outputs inputs"], bias: Float[Tensor, " outputs"] | None
) -> Float[Tensor, "batch outputs"]:
    """``x @ weight.T + bias``; without gradients, and on a CPU, the outputs are shared out among threads."""
    threads = torch.get_num_threads()
    differentiable = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    if (
        threads == 1
        or differentiable
        or x.device.type != "cpu"
        or x.dtype != weight.dtype
        or not 0 < x.shape[0] <= FEW
        or weight.numel() < SMALL
    ):
        return functional.linear(x, weight, bias)
    out = x.new_empty(x.shape[0], weight.shape[0])
    for row, place in zip(x.detach(), out, strict=True):
        _shared(weight.detach(), row.contiguous(), place, threads)
    return out if bias is None else out.add_(bias.detach())


def _shared(weight: Tensor, row: Tensor, out: Tensor, threads: int) -> None:
    """``out = weight @ row``, piece by piece."""
    size = max(64, -(-weight.shape[0] // (PIECES * threads * 64)) * 64)
    starts = iter(range(0, weight.shape[0], size))
    lock = Lock()

    def take() -> None:
        with torch.no_grad():
            while True:
                with lock:
                    start = next(starts, None)
                if start is None:
                    return
                torch.mv(weight[start : start + size], row, out=out[start : start + size])

    helpers: list[Future[None]] = [_helpers(threads - 1).submit(take) for _ in range(threads - 1)]
    take()
    for helper in helpers:
        if not helper.cancel():  # it has begun, so it may hold a piece
            helper.result()


@lru_cache(maxsize=4)
def _helpers(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="arlearn")
