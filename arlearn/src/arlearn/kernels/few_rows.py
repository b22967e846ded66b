"""Products of a few rows with a large matrix: what generating one token at a time consists of.

Such a product reads each weight once and uses it once, so memory sets its speed, and the CPU's library runs it on one
thread, which does not draw all that the memory can give. Here the outputs are cut into pieces that the calling thread
and some helpers take in turn. Each piece is one call of the library's, so it does not matter for the result who makes
it (with MKL it is the undivided product bit for bit). A helper that the system does
not let run costs nothing: the caller takes the pieces itself. (Batched products share out the work as well, but wait
at a barrier for every thread, which is ten times slower on a machine that has other things to do.)
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from threading import Lock

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

FEW = 4  # with more rows the library's product is threaded, and faster
SMALL = 1 << 20  # elements below which sharing does not pay
PIECES = 4  # for each thread


def linear(
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
