"""Generation, one token at a time, from any predictor."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.decoding.sampling import check_sampling, choose, uniforms
from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor

ABSENT = -1  # in the places after a row's stop token


@torch.no_grad()
def generate(
    predictor: Predictor,
    prompt: Int[Tensor, "batch prompt"],
    max_tokens: int,
    *,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: Iterable[int] = (),
    seed: int = 0,
    callback: Callable[[Int[Tensor, " rows"], Int[Tensor, " rows"]], None] | None = None,
) -> Int[Tensor, "batch generated"]:
    """Continue each prompt by up to ``max_tokens`` tokens; greedily unless ``temperature`` is positive.

    A row ends with the first token of ``stop`` it generates, which is kept; the places after it hold -1. Finished rows
    leave the batch. ``callback(rows, tokens)`` hears of every token as it is made. The same seed gives the same text,
    whatever else is in the batch. Raises ArlearnError for an empty prompt or parameters that are invalid.
    """
    check_sampling(temperature, top_k, top_p)
    if prompt.dim() != 2 or prompt.shape[1] == 0:
        raise ArlearnError(f"a prompt must hold at least one token for each row, got {tuple(prompt.shape)}")
    if max_tokens < 0:
        raise ArlearnError(f"cannot generate {max_tokens} tokens")
    device = predictor.device
    prompt = prompt.to(device)
    if prompt.numel() and not 0 <= int(prompt.min()) <= int(prompt.max()) < predictor.vocabulary:
        raise ArlearnError(f"the prompt has tokens outside 0..{predictor.vocabulary - 1}")
    batch = prompt.shape[0]
    made = torch.full((batch, max_tokens), ABSENT, dtype=torch.long, device=device)
    if batch == 0 or max_tokens == 0:
        return made
    numbers = None
    if temperature > 0:
        numbers = torch.stack([uniforms(seed, row, max_tokens) for row in range(batch)]).to(device)
    stops = torch.tensor(sorted(set(stop)), dtype=torch.long, device=device)
    alive = torch.arange(batch, device=device)
    logits, state = predictor.prefill(predictor.start(batch), prompt)
    for place in range(max_tokens):
        uniform = None if numbers is None else numbers[alive, place]
        token = choose(logits, uniform, temperature, top_k, top_p)
        made[alive, place] = token
        if callback is not None:
            callback(alive, token)
        if stops.numel():
            going = ~torch.isin(token, stops)
            if not bool(going.all()):
                kept = going.nonzero()[:, 0]
                if kept.numel() == 0:
                    return made[:, : place + 1]
                alive, token, state = alive[kept], token[kept], state.select(kept)
        if place + 1 < max_tokens:
            logits, state = predictor.step(state, token)
    return made
