"""From logits to a token: greedy, or drawn at a temperature from the top k tokens or the top p of the mass."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.errors import ArlearnError


def check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise ArlearnError, naming all that is wrong, unless the sampling parameters make sense."""
    wrong = []
    if not (0 <= temperature < float("inf")):
        wrong.append(f"temperature must be 0 (greedy) or positive, got {temperature}")
    if top_k is not None and top_k < 1:
        wrong.append(f"top-k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        wrong.append(f"top-p must lie in (0, 1], got {top_p}")
    if wrong:
        raise ArlearnError("; ".join(wrong))


def choose(
    logits: Float[Tensor, "batch vocabulary"],
    uniform: Float[Tensor, " batch"] | None,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Int[Tensor, " batch"]:
    """One token for each row; ``uniform`` holds the row's random number in [0, 1), unused at temperature 0.

    Sampling inverts the cumulative distribution, so that a row's token depends on its own logits and its own number
    only. top-k keeps the k likeliest tokens (ties at the k-th place broken by rank), top-p the fewest likeliest tokens
    whose mass reaches p; both are taken after the temperature, top-k first.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    assert uniform is not None
    order = None
    if top_k is not None and top_k < logits.shape[1]:
        logits, order = logits.topk(top_k, dim=-1)
    elif top_p is not None and top_p < 1:
        logits, order = logits.sort(dim=-1, descending=True)
    # subtract the maximum before dividing: a tiny temperature must not overflow to inf - inf
    scaled = (logits - logits.amax(dim=-1, keepdim=True)).double() / temperature
    mass = scaled.exp().cumsum(dim=-1)
    total = mass[:, -1]
    if top_p is not None and top_p < 1:
        last = torch.searchsorted(mass, (top_p * total)[:, None]).clamp_(max=mass.shape[1] - 1)
        total = mass.gather(1, last)[:, 0]
    place = torch.searchsorted(mass, (uniform.to(mass) * total)[:, None], right=True).clamp_(max=mass.shape[1] - 1)
    return (place if order is None else order.gather(1, place))[:, 0]


def uniforms(seed: int, row: int, count: int) -> Float[Tensor, " count"]:
    """The random numbers of one row: they depend on the seed and the row alone, not on the batch around it."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + row) % 2**63)
    return torch.rand(count, dtype=torch.float64, generator=generator)
