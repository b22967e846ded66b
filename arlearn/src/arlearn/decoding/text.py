"""From generated tokens to text: as they come, and up to a stop string.

What a token adds to a text may depend on the tokens before it: a character of several bytes is spread over several
tokens, and many vocabularies write the space before a word only when a word stands before it. So new tokens are always
decoded together with some that stand before them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from arlearn.decoding.generate import check_sampling, choose, row_generator
from arlearn.predictors.base import Predictor
from arlearn.tokens.bytepair import SEEN, Decode

BROKEN = "\ufffd"
PATIENCE = 8  # tokens after which a broken character is taken for one that stays broken


class TextStream:
    """Turns tokens into pieces of text whose concatenation is what they add to the text of the tokens before them.

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
        """What can be shown now that this token is there."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        self._waiting = self._waiting + 1 if text.endswith(BROKEN) else 0
        piece = self._show(text.rstrip(BROKEN) if 0 < self._waiting < PATIENCE else text)
        if self._waiting == 0 and len(self._tokens) >= 4 * SEEN:
            self._begin(self._tokens[-SEEN:])
        return piece

    def end(self) -> str:
        """What was held back."""
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
