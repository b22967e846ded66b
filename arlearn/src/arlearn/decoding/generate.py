"""Generation, one token at a time, from any predictor: the most likely token, or one drawn at a temperature.

``TextStream`` and ``write_until`` make text of the tokens: as they come, and up to a stop string.

What a token adds to a text may depend on the tokens before it: a character of several bytes is spread over several
tokens, and many vocabularies write the space before a word only when a word stands before it. So new tokens are always
decoded together with some that stand before them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.decoding.lookup import lookup_decoder
from arlearn.errors import ArlearnError
from arlearn.predictors.base import ABSENT, Predictor
from arlearn.tokens.bytepair import SEEN, Decode

BLOCK = 1024  # tokens for which room is made at once


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
    leave the batch. ``callback(rows, tokens)`` is told every token as it is made. The same seed gives the same text,
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
    if temperature == 0 and batch and max_tokens:
        decoder = lookup_decoder(predictor, prompt.shape[1] + max_tokens)
        if decoder is not None and (batch == 1 or decoder.batchable()):
            return decoder.generate(prompt, max_tokens, stop, callback)
    if batch == 0 or max_tokens == 0:
        return torch.full((batch, max_tokens), ABSENT, dtype=torch.long, device=device)
    # room is made block by block, so that a large max_tokens costs nothing until that much is written
    blocks: list[Tensor] = []
    numbers: Tensor | None = None
    generators = [row_generator(seed, row) for row in range(batch)] if temperature > 0 else []
    stops = torch.tensor(sorted(set(stop)), dtype=torch.long, device=device)
    alive = torch.arange(batch, device=device)
    logits, state = predictor.prefill(predictor.start(batch), prompt)
    for place in range(max_tokens):
        column = place % BLOCK
        if column == 0:
            blocks.append(torch.full((batch, min(BLOCK, max_tokens - place)), ABSENT, dtype=torch.long, device=device))
            if generators:
                drawn = [torch.rand(BLOCK, dtype=torch.float64, generator=each) for each in generators]
                numbers = torch.stack(drawn).to(device)
        token = choose(logits, None if numbers is None else numbers[alive, column], temperature, top_k, top_p)
        blocks[-1][alive, column] = token
        if callback is not None:
            callback(alive, token)
        if stops.numel():
            going = ~torch.isin(token, stops)
            if not bool(going.all()):
                kept = going.nonzero()[:, 0]
                if kept.numel() == 0:
                    return torch.cat(blocks, dim=1)[:, : place + 1]
                alive, token, state = alive[kept], token[kept], state.select(kept)
        if place + 1 < max_tokens:
            logits, state = predictor.step(state, token)
    return blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=1)


def check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise ArlearnError, naming all that is wrong, if a sampling parameter is invalid."""
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
    only. top-k keeps the k most likely tokens (ties at the k-th place broken by rank), top-p the fewest most likely tokens
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


def row_generator(seed: int, row: int) -> torch.Generator:
    """The random numbers of one row, in [0, 1): they depend on the seed and the row alone, not on the batch around it."""
    return torch.Generator().manual_seed((seed * 1_000_003 + row) % 2**63)


BROKEN = "\ufffd"
PATIENCE = 8  # tokens after which a broken character is taken for one that stays broken


class TextStream:
    """Decodes tokens one by one into pieces of text, which together are what the tokens add to the text before them.

    Until a character of several bytes is whole, decoding ends in U+FFFD, and the end is held back. Each token is decoded
    together with the last few before it only, so the time is linear in the number of tokens.
    """

    def __init__(self, decode: Decode, before: Sequence[int] = ()) -> None:
        """``before``: the prompt's tokens. Their text is not shown."""
        self._decode = decode
        self._begin([int(token) for token in before[-SEEN:]])

    def _begin(self, tokens: list[int]) -> None:
        self._tokens, self._shown, self._waiting = tokens, self._decode(tokens) if tokens else "", 0

    def feed(self, token: int) -> str:
        """The text that can be shown after this token."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        self._waiting = self._waiting + 1 if text.endswith(BROKEN) else 0
        piece = self._show(text.rstrip(BROKEN) if 0 < self._waiting < PATIENCE else text)
        if self._waiting == 0 and len(self._tokens) >= 4 * SEEN:
            self._begin(self._tokens[-SEEN:])
        return piece

    def end(self) -> str:
        """The text that is still held back."""
        return self._show(self._decode(self._tokens)) if self._tokens else ""

    def _show(self, text: str) -> str:
        # what has been shown cannot be taken back, so only what extends it is shown
        if not text.startswith(self._shown):
            return ""
        piece, self._shown = text[len(self._shown) :], text
        return piece


@torch.no_grad()
def write_until(
    predictor: Predictor,
    context: Sequence[int],
    stops: Sequence[str],
    end: int,
    decode: Decode,
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
    stops = [stop for stop in stops if stop]
    longest = max((len(stop) for stop in stops), default=1)
    logits, state = predictor.prefill(predictor.start(1), torch.tensor([list(context)], device=predictor.device))
    numbers, stream, text = row_generator(seed, 0), TextStream(decode, context), ""
    for place in range(max_tokens):
        uniform = torch.rand(1, dtype=torch.float64, generator=numbers).to(predictor.device)
        token = choose(logits, uniform, temperature, top_k, top_p)
        last = int(token) == end
        piece = stream.end() if last else stream.feed(int(token))
        if place + 1 == max_tokens and not last:
            piece += stream.end()
        begin = max(0, len(text) + 1 - longest)  # a stop string may have begun before this piece
        text += piece
        found = [at for stop in stops if (at := text.find(stop, begin)) >= 0]
        if found:
            return text[: min(found)]
        if last:
            break
        if place + 1 < max_tokens:
            logits, state = predictor.step(state, token)
    return text
