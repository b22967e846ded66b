"""How likely a predictor finds given continuations, and what it writes until it meets a stop: by any predictor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from arlearn.decoding.sampling import check_sampling, choose, uniforms
from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor


@dataclass(frozen=True)
class Likelihood:
    """Of one continuation.

    Attributes:
        log_probability: in nats, of all its tokens together.
        greedy: whether each of its tokens is the likeliest in its place.
    """

    log_probability: float
    greedy: bool


@torch.no_grad()
def likelihoods(
    predictor: Predictor, context: Sequence[int], continuations: Iterable[Sequence[int]]
) -> Iterator[Likelihood]:
    """Of each continuation after one context, which is read once. Every token sees the predictor's whole window.

    Raises ArlearnError if the context is empty.
    """
    if not context:
        raise ArlearnError("a likelihood needs at least one token of context (end-of-text, where there is no other)")
    device = predictor.device
    first, read = predictor.prefill(predictor.start(1), torch.tensor([list(context)], device=device))
    row = torch.zeros(1, dtype=torch.long, device=device)
    for continuation in continuations:
        logits, state = first, read.select(row)
        total, greedy = 0.0, True
        for place, token in enumerate(continuation):
            if place:
                logits, state = predictor.step(state, row + continuation[place - 1])
            total += float(logits[0].double().log_softmax(0)[token])
            greedy = greedy and int(logits[0].argmax()) == token
        yield Likelihood(total, greedy)


@torch.no_grad()
def log_probability(predictor: Predictor, tokens: Sequence[int]) -> float:
    """Of all tokens but the first, in nats, each seeing as many of those before it as the predictor looks at."""
    first = len(tokens) if predictor.context is None else predictor.context + 1
    total = 0.0
    if len(tokens) > 1:
        rows = torch.tensor([list(tokens[:first])], device=predictor.device)
        total = -float(predictor.loss(rows)) * (rows.shape[1] - 1)
    if len(tokens) > first:
        seen = next(likelihoods(predictor, tokens[:first], [tokens[first:]]))
        total += seen.log_probability
    return total


@torch.no_grad()
def write_until(
    predictor: Predictor,
    context: Sequence[int],
    stops: Sequence[str],
    end: int,
    decode: Callable[[list[int]], str],
    max_tokens: int,
    *,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> str:
    """What the predictor writes after the context, up to the first of ``stops`` (not kept), token ``end`` or
    ``max_tokens``. Raises ArlearnError for sampling parameters that are invalid."""
    check_sampling(temperature, top_k, top_p)
    device = predictor.device
    logits, state = predictor.prefill(predictor.start(1), torch.tensor([list(context)], device=device))
    numbers = uniforms(seed, 0, max_tokens).to(device)
    made: list[int] = []
    text = ""
    for place in range(max_tokens):
        token = choose(logits, numbers[place : place + 1], temperature, top_k, top_p)
        if int(token) == end:
            break
        made.append(int(token))
        text = decode(made)
        found = [text.find(stop) for stop in stops if stop and stop in text]
        if found:
            return text[: min(found)]
        if place + 1 < max_tokens:
            logits, state = predictor.step(state, token)
    return text
