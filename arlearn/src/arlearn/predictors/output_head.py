"""The output embedding, which the predictors that end in one share: its fused loss, and its product with few rows.

Generating multiplies a few rows with a large matrix. Such a product reads each weight once and uses it once, so memory
sets its speed, and the CPU's library runs it on one thread, which does not draw all that the memory can give. Here the
outputs are cut into pieces that the calling thread and some helpers take in turn. Each piece is one call of the
library, so the result does not depend on which thread makes it (with MKL it is the undivided product bit for bit). A
helper that the system does not let run costs nothing: the caller takes the pieces itself. (Batched products share out
the work as well, but wait at a barrier for every thread, which is ten times slower on a machine that is busy.)

The loss is the softmax cross-entropy of the head, fused: the logits of a whole batch never exist.

``softmax(hidden @ head.T + bias)`` over a large vocabulary is most of the arithmetic of a small language model, and
its logits (rows x vocabulary) most of the memory. Here the rows are taken in chunks and the vocabulary in tiles that
fit the cache, in one pass:

1. a tile of logits is computed, shifted and exponentiated in place while it is in the cache, its sum added to the
   row's, and its product with the head added to the row's gradient;
2. once all tiles of a chunk are there the sums are known, and each tile gives its part of the head's gradient;
   the sums never touch the tiles, they scale the rows of ``hidden`` (rows x width instead of rows x vocabulary).

So a loss with its gradients costs three matrix products, and what is held beside them is one chunk of exponentials.
The gradients are complete before ``backward`` is called, which only scales them.

The shift of a row is the largest of its target's logit and its logits in the first tile. Softmax does not depend on
the shift; a shift too small shows in the sum, which is then larger than ``LARGEST_SUM``, and the chunk is done again
with the true maximum. That saves a pass over the logits.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor, counted_targets
from arlearn.predictors.maps.base import compute_dtype

BITS = math.log2(math.e)  # in a nat: logits are multiplied by it, as 2^x is faster than e^x and as exact
LARGEST_SUM = 1e20  # far from float32's overflow even when summed over rows, far above any vocabulary


def linear_cross_entropy(
    hidden: Float[Tensor, "rows width"],
    head: Float[Tensor, "vocabulary width"],
    targets: Int[Tensor, " rows"],
    bias: Float[Tensor, " vocabulary"] | None = None,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    chunk: tuple[int, int] | None = None,
) -> Float[Tensor, "*rows"]:
    """Cross-entropy in nats of ``softmax(hidden @ head.T + bias)`` against ``targets``.

    Differentiable once with respect to hidden, head and bias, except for reduction "none" (one loss per row), which
    carries no gradient. ``chunk`` is (rows, vocabulary) of a tile; None chooses by device. Under bfloat16 autocast the
    products are in bfloat16, sums and gradients of float32 weights in float32.

    Raises ArlearnError if shapes do not fit, there are no rows, or a target lies outside the vocabulary.
    """
    _check(hidden, head, targets, bias)
    rows, vocabulary = hidden.shape[0], head.shape[0]
    compute = compute_dtype(hidden)
    if hidden.dtype != head.dtype and not torch.is_autocast_enabled(hidden.device.type):
        raise ArlearnError(f"hidden is {hidden.dtype} but head is {head.dtype}")
    hidden = hidden.to(head.dtype)
    if chunk is None:
        # CPU: a tile of 2 MB stays in the cache, and chunks are long enough for products to run at speed.
        # GPU: a chunk of about half a gigabyte keeps it busy.
        chunk = (1024, 512) if hidden.device.type == "cpu" else (max(128, 2**27 // vocabulary), 8192)
    weight = 1.0 / rows if reduction == "mean" else 1.0
    if reduction == "none" or not torch.is_grad_enabled():
        needs = [False, False, False]
    else:
        needs = [hidden.requires_grad, head.requires_grad, bias is not None and bias.requires_grad]
    plan = _Plan(chunk, compute, weight, reduction == "none", needs)
    result: Tensor = _Fused.apply(hidden, head, bias, targets, plan)  # type: ignore[no-untyped-call]
    return result.detach() if reduction == "none" else result


@dataclass
class _Plan:
    chunk: tuple[int, int]
    compute: torch.dtype
    weight: float  # of each row in the total
    each: bool  # one loss per row rather than their total
    needs: list[bool]  # gradients of hidden, head, bias


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, bias: Tensor | None, targets: Tensor, plan: _Plan) -> Tensor:
        with torch.no_grad(), torch.autocast(hidden.device.type, enabled=False):
            losses, grads = _losses_and_gradients(hidden, head, bias, targets, plan)
        ctx.grads, ctx.plan = grads, plan
        ctx.save_for_backward(hidden, head, bias, targets)
        return losses if plan.each else losses.sum(dtype=torch.float64).mul_(plan.weight).to(losses.dtype)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("the fused cross-entropy is differentiable once: call backward without create_graph")
        grads, ctx.grads = ctx.grads, None  # handed over, not copied; a second backward computes them again
        if grads is None:
            with torch.autocast(upstream.device.type, enabled=False):
                hidden, head, bias, targets = ctx.saved_tensors
                _, grads = _losses_and_gradients(hidden, head, bias, targets, ctx.plan)
        if float(upstream) != 1.0:
            for grad in grads:
                if grad is not None:
                    grad.mul_(upstream)
        return (*grads, None, None)


def _losses_and_gradients(
    hidden: Tensor, head: Tensor, bias: Tensor | None, targets: Tensor, plan: _Plan
) -> tuple[Tensor, list[Tensor | None]]:
    rows = hidden.shape[0]
    of_hidden, of_head, of_bias = plan.needs
    accumulate = torch.promote_types(hidden.dtype, torch.float32)
    losses = torch.empty(rows, dtype=accumulate, device=hidden.device)
    grads: list[Tensor | None] = [
        torch.empty_like(hidden) if of_hidden else None,
        torch.zeros_like(head, dtype=accumulate) if of_head else None,
        torch.zeros_like(bias, dtype=accumulate) if of_bias and bias is not None else None,
    ]
    keep = of_head or of_bias
    compute_head = head.to(plan.compute)
    step = min(plan.chunk[0], rows)
    buffer = hidden.new_empty(step * head.shape[0] if keep else 0, dtype=plan.compute)
    for start in range(0, rows, step):
        chunk = _Chunk(hidden[start : start + step], compute_head, bias, targets[start : start + step], plan, buffer)
        chunk.run(of_hidden, keep)
        losses[start : start + step] = chunk.losses()
        if grads[0] is not None:
            grads[0][start : start + step] = chunk.hidden_gradient(head)
        if keep:
            chunk.add_head_gradient(grads[1], grads[2])
    for place, like in enumerate((hidden, head, bias)):
        grad = grads[place]
        if grad is not None and like is not None:
            grads[place] = grad.to(like.dtype)
    return losses, grads


class _Chunk:
    """Some rows against the whole vocabulary, tile by tile. Logits and their shift are in bits."""

    def __init__(
        self, hidden: Tensor, head: Tensor, bias: Tensor | None, targets: Tensor, plan: _Plan, buffer: Tensor
    ) -> None:
        self.hidden, self.head, self.bias = hidden, head, None if bias is None else bias * BITS
        self.targets, self.plan, self.buffer = targets, plan, buffer
        self.rows, self.low = hidden.shape[0], (hidden * BITS).to(plan.compute)
        self.accumulate = torch.promote_types(hidden.dtype, torch.float32)
        chosen = (self.low.to(self.accumulate) * head[targets].to(self.accumulate)).sum(1)
        self.target_logits = chosen if self.bias is None else chosen + self.bias[targets].to(self.accumulate)
        self.vocabulary = head.shape[0]
        self.tile = min(plan.chunk[1], self.vocabulary)
        self.scratch = hidden.new_empty(self.rows * self.tile, dtype=plan.compute)

    def run(self, of_hidden: bool, keep: bool) -> None:
        shift = None
        while True:
            self._pass(shift, of_hidden, keep)
            largest = self.sums.max()
            # written so that nan ends here too: logits that are not finite give a loss that is not, as they should
            if shift is not None or not bool((largest > LARGEST_SUM) | ~torch.isfinite(largest)):
                return
            shift = self._maxima()

    def _logits(self, start: int, stop: int, keep: bool) -> Tensor:
        size = stop - start
        place = self.buffer[self.rows * start : self.rows * stop] if keep else self.scratch[: self.rows * size]
        tile = place.view(self.rows, size)
        torch.mm(self.low, self.head[start:stop].T, out=tile)
        return tile if self.bias is None else tile.add_(self.bias[start:stop])

    def _maxima(self) -> Tensor:
        maxima = self.target_logits
        for start in range(0, self.vocabulary, self.tile):
            tile = self._logits(start, min(start + self.tile, self.vocabulary), False)
            maxima = torch.maximum(maxima, tile.amax(1).to(self.accumulate))
        return maxima

    def _pass(self, shift: Tensor | None, of_hidden: bool, keep: bool) -> None:
        self.sums = torch.zeros(self.rows, dtype=self.accumulate, device=self.hidden.device)
        gradient = torch.zeros(self.hidden.shape, dtype=self.accumulate, device=self.hidden.device)
        for start in range(0, self.vocabulary, self.tile):
            stop = min(start + self.tile, self.vocabulary)
            tile = self._logits(start, stop, keep)
            if shift is None:
                shift = torch.maximum(self.target_logits, tile.amax(1).to(self.accumulate))
            exponentials = tile.to(self.accumulate)  # the tile itself unless the products are in lower precision
            exponentials.sub_(shift[:, None]).exp2_()
            self.sums += exponentials.sum(1)
            if exponentials.dtype != tile.dtype:
                tile.copy_(exponentials)
            if of_hidden:
                if tile.dtype == gradient.dtype:
                    gradient.addmm_(tile, self.head[start:stop])
                else:
                    gradient += torch.mm(tile, self.head[start:stop])
        assert shift is not None
        self.shift, self.gradient = shift, gradient

    def losses(self) -> Tensor:
        return (self.shift + self.sums.log2() - self.target_logits).div_(BITS)

    def hidden_gradient(self, head: Tensor) -> Tensor:
        gradient = self.gradient.div_(self.sums[:, None]).sub_(head[self.targets])
        return gradient.mul_(self.plan.weight)

    def add_head_gradient(self, of_head: Tensor | None, of_bias: Tensor | None) -> None:
        scale = self.plan.weight / self.sums
        scaled = (self.hidden * scale[:, None]).to(self.plan.compute)
        for start in range(0, self.vocabulary, self.tile):
            stop = min(start + self.tile, self.vocabulary)
            tile = self.buffer[self.rows * start : self.rows * stop].view(self.rows, stop - start)
            if of_head is not None:
                if tile.dtype == of_head.dtype:
                    of_head[start:stop].addmm_(tile.T, scaled)
                else:
                    of_head[start:stop] += torch.mm(tile.T, scaled)
            if of_bias is not None:
                of_bias[start:stop] += scale.to(of_bias.dtype) @ tile.to(of_bias.dtype)
        if of_head is not None:
            of_head.index_add_(0, self.targets, self.hidden.to(of_head.dtype), alpha=-self.plan.weight)
        if of_bias is not None:
            of_bias.index_add_(0, self.targets, of_bias.new_full((self.rows,), 1.0), alpha=-self.plan.weight)


def _check(hidden: Tensor, head: Tensor, targets: Tensor, bias: Tensor | None) -> None:
    fits = hidden.dim() == head.dim() == 2 and hidden.shape[1] == head.shape[1] and targets.shape == hidden.shape[:1]
    if not fits or (bias is not None and bias.shape != head.shape[:1]):
        raise ArlearnError(
            f"hidden {tuple(hidden.shape)}, head {tuple(head.shape)}, targets {tuple(targets.shape)} and bias "
            f"{None if bias is None else tuple(bias.shape)} do not fit together"
        )
    if hidden.shape[0] == 0:
        raise ArlearnError("there are no rows, so there is no loss")
    if targets.device.type == "cpu" and not 0 <= int(targets.min()) <= int(targets.max()) < head.shape[0]:
        raise ArlearnError(
            f"a target lies outside the vocabulary of {head.shape[0]} tokens: "
            f"they run from {int(targets.min())} to {int(targets.max())}"
        )


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
