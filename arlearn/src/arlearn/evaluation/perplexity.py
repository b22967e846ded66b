"""Bits per byte and perplexity per token of a predictor on a text.

Models with different vocabularies cannot be compared by loss per token, because a token is more or less text. They can
be compared by the bits they spend on the same bytes: ``bits_per_byte = nats / ln 2 / bytes``, where *nats* is summed
over the text's tokens, special ones excluded (neither end-of-text nor pad is scored: they stand for no bytes), and
*bytes* is the UTF-8 length of the text without separators. ``perplexity = exp(nats / tokens)`` is per scored token.

Two protocols, both scoring every token exactly once:

- *at context T*: the rows of ``tasks.text``, which do not overlap. The k-th target of a row sees k tokens, so a
  token sees half the context on average. This is how the predictor was trained, and how the paper evaluates.
- *sliding window*: with stride 1 every token sees the T tokens before it, or as many as its story has. With stride s
  the window moves s tokens at a time, and a token sees between T - s + 1 and T.

With boundaries "story" nothing sees across stories, and a story's first token is predicted from end-of-text alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.tasks.text import Layout, Rows, TextTask
from arlearn.tasks.text_files import TextFile, TokenisedText, tokenise_in_memory
from arlearn.tokens.bytepair import recorded_vocabulary

POSITIONS = 8192  # scored at once
SEGMENT = 1024  # of a long sequence; each segment but the first repeats T tokens to have its context
LOGITS = 1 << 25  # held at once while stepping

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Score:
    """How well some tokens were predicted.

    Attributes:
        nats: total cross-entropy.
        tokens: how many were scored.
        bytes: of text they stand for.
    """

    nats: float
    tokens: int
    bytes: int

    @property
    def bits_per_byte(self) -> float:
        return self.nats / math.log(2) / self.bytes

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.nats / self.tokens, 700.0))


@torch.no_grad()
def at_context(predictor: Predictor, text: TokenisedText, layout: Layout, on_progress: Progress | None = None) -> Score:
    """Score every token in non-overlapping rows. ``on_progress`` is called with the share that is done, 0 to 1."""
    _check(predictor, layout)
    return _rows(predictor, text, Layout(layout.context, layout.boundaries, "ignored", layout.pad), on_progress)


@torch.no_grad()
def with_padding(
    predictor: Predictor, text: TokenisedText, layout: Layout, on_progress: Progress | None = None
) -> Score:
    """The protocol of the paper's public code: every row is scored to its end, pads and end-of-text included.

    Only for comparison with figures measured that way: pads are certain, so this flatters the perplexity.
    """
    _check(predictor, layout)
    return _rows(predictor, text, Layout(layout.context, "story", "scored", layout.pad), on_progress)


def _rows(predictor: Predictor, text: TokenisedText, layout: Layout, on_progress: Progress | None) -> Score:
    rows, device = Rows(layout, text.tokens, text.starts), predictor.device
    end, total, tokens = int(text.tokens[-1]), 0.0, 0
    size = max(1, POSITIONS // layout.context)
    for begin in range(0, len(rows), size):
        batch = rows.cut(np.arange(begin, min(begin + size, len(rows))))
        counted = batch.counted.clone()
        counted[:, 0] = False
        if layout.padding == "ignored":
            counted &= batch.tokens != end
        total, tokens = _add(predictor, batch.tokens.to(device), counted.to(device), total, tokens)
        if on_progress is not None:
            on_progress(min(1.0, (begin + size) / len(rows)))
    return Score(total, tokens, text.bytes)


def _add(predictor: Predictor, tokens: Tensor, counted: Tensor, nats: float, so_far: int) -> tuple[float, int]:
    count = int(counted.sum())
    if count == 0:
        return nats, so_far
    return nats + float(predictor.loss(tokens, counted)) * count, so_far + count


@torch.no_grad()
def sliding(
    predictor: Predictor, text: TokenisedText, layout: Layout, stride: int = 1, on_progress: Progress | None = None
) -> Score:
    """Score every token with a window that slides by ``stride`` tokens. ``on_progress`` as in ``at_context``.

    A predictor without a context limit reads on instead of sliding, in one pass: every token sees at least the T tokens
    before it, and what lies further back as far as the predictor looks. Raises ArlearnError unless 1 <= stride <= T.
    """
    _check(predictor, layout)
    if not 1 <= stride <= layout.context:
        raise ArlearnError(f"the stride must be 1 to {layout.context} tokens (the context), not {stride}")
    begins, ends = text.starts[:-1], text.starts[1:]
    if layout.boundaries == "joined":
        begins, ends = text.starts[:1], text.starts[-1:]
    if predictor.context is None:
        return _windows(predictor, text, layout, begins, ends, layout.context, SEGMENT, on_progress)
    if stride == 1:
        return _steps(predictor, text, layout, begins, ends, on_progress)
    return _windows(predictor, text, layout, begins, ends, layout.context - stride, stride, on_progress)


def _segments(
    begins: NDArray[np.int64], ends: NDArray[np.int64], warm: int, new: int
) -> Iterator[tuple[int, int, int]]:
    """Cuts of every sequence: (first token, how many targets only give context, last token)."""
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        first = begin + warm + new
        yield begin, 0, min(first, end)
        for scored in range(first, end, new):
            start = scored - warm
            yield start, scored - start, min(scored + new, end)


def _windows(
    predictor: Predictor,
    text: TokenisedText,
    layout: Layout,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    warm: int,
    new: int,
    on_progress: Progress | None,
) -> Score:
    """Whole windows through ``loss``: of each, the targets after the first ``warm`` count."""
    cuts = sorted(_segments(begins, ends, warm, new), key=lambda cut: cut[2] - cut[0])
    total, tokens, place = 0.0, 0, 0
    while place < len(cuts):
        size = max(1, POSITIONS // (cuts[place][2] - cuts[place][0] + 1))
        batch, counted = _stack(text, layout, cuts[place : place + size])
        total, tokens = _add(predictor, batch.to(predictor.device), counted.to(predictor.device), total, tokens)
        place += size
        if on_progress is not None:
            on_progress(min(1.0, place / len(cuts)))
    return Score(total, tokens, text.bytes)


def _stack(text: TokenisedText, layout: Layout, cuts: list[tuple[int, int, int]]) -> tuple[Tensor, Tensor]:
    end = int(text.tokens[-1])
    length = max(last - start for start, _, last in cuts) + 1
    tokens = torch.full((len(cuts), length), layout.pad, dtype=torch.long)
    counted = torch.zeros(len(cuts), length, dtype=torch.bool)
    for row, (start, warm, last) in enumerate(cuts):
        piece = torch.from_numpy(text.tokens[start : last + 1].astype(np.int64))
        tokens[row, : len(piece)] = piece
        counted[row, warm + 1 : len(piece)] = piece[warm + 1 :] != end
    return tokens, counted


def _steps(
    predictor: Predictor,
    text: TokenisedText,
    layout: Layout,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    on_progress: Progress | None,
) -> Score:
    """One token at a time through ``step``, many sequences side by side; its window slides by itself."""
    cuts = sorted(_segments(begins, ends, layout.context, SEGMENT), key=lambda cut: cut[0] - cut[2])
    size = max(1, min(1024, LOGITS // predictor.vocabulary))
    total, tokens, device = 0.0, 0, predictor.device
    work, done = sum(last - start for start, _, last in cuts), 0
    for place in range(0, len(cuts), size):
        group = cuts[place : place + size]
        rows, counted = (part.to(device) for part in _stack(text, layout, group))
        lengths = torch.tensor([last - start for start, _, last in group], device=device)
        state, alive = predictor.start(len(group)), len(group)
        for position in range(int(lengths[0])):
            # longest first, so those that have ended are the last rows
            going = int((lengths > position).sum())
            if going < alive:
                state, alive = state.select(torch.arange(going, device=device)), going
            logits, state = predictor.step(state, rows[:alive, position])
            scored = counted[:alive, position + 1]
            target = rows[:alive, position + 1]
            nats = nn.functional.cross_entropy(logits, target, reduction="none")
            total += float(nats.double()[scored].sum())
            tokens += int(scored.sum())
            done += alive
            if on_progress is not None:
                on_progress(done / work)
    return Score(total, tokens, text.bytes)


def _check(predictor: Predictor, layout: Layout) -> None:
    if predictor.context is not None and layout.context > predictor.context:
        raise ArlearnError(f"the predictor's context is {predictor.context} tokens, less than {layout.context}")


@dataclass(frozen=True)
class Likelihood:
    """The likelihood of one continuation.

    Attributes:
        log_probability: in nats, of all its tokens together.
        greedy: whether each of its tokens is the most likely in its place.
    """

    log_probability: float
    greedy: bool


@torch.no_grad()
def likelihoods(
    predictor: Predictor, context: Sequence[int], continuations: Iterable[Sequence[int]]
) -> Iterator[Likelihood]:
    """The likelihood of each continuation after one context, which is read once. Every token sees the predictor's whole window.

    Raises ArlearnError if the context is empty.
    """
    if not context:
        raise ArlearnError("a likelihood needs at least one token of context, such as end-of-text")
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
    """The log-probability of all tokens but the first, in nats, each predicted from all that the predictor can read."""
    first = len(tokens) if predictor.context is None else predictor.context + 1
    total = 0.0
    if len(tokens) > 1:
        rows = torch.tensor([list(tokens[:first])], device=predictor.device)
        total = -float(predictor.loss(rows)) * (rows.shape[1] - 1)
    if len(tokens) > first:
        seen = next(likelihoods(predictor, tokens[:first], [tokens[first:]]))
        total += seen.log_probability
    return total


def measure_text(
    folder: Path,
    predictor: Predictor,
    card: Mapping[str, Any],
    data: Path,
    *,
    context: int | None = None,
    stride: int | None = 1,
    score_padding: bool = False,
    work: Callable[[str], AbstractContextManager[Any]] = lambda title: nullcontext(),
) -> dict[str, Any]:
    """What ``arlearn evaluate --json`` prints for the text in ``data``.

    ``context``: tokens that may be seen, where not as in training. ``stride``: of the sliding window; None: without one.
    ``work(title)`` gives a context whose ``show(share)`` is told the progress. Raises ArlearnError if the text or the
    card cannot be used.
    """
    if not card.get("task") or not card.get("tokenizer"):
        raise ArlearnError(
            f"{folder / 'card.json'} names no text task and tokenizer, so the model cannot be measured on a text"
        )
    began = time.monotonic()
    vocabulary = recorded_vocabulary(folder, card)
    layout = TextTask.from_configuration(card["task"]["configuration"]).layout
    if context is not None:
        layout = replace(layout, context=context)
    text = tokenise_in_memory(TextFile.at(data), vocabulary)
    predictor.eval()
    with work("at context") as bar:
        score = at_context(predictor, text, layout, bar and bar.show)
    result: dict[str, Any] = {
        "bits_per_byte": score.bits_per_byte,
        "perplexity": score.perplexity,
        "tokens": score.tokens,
        "bytes": score.bytes,
        "stories": text.stories,
        "context": layout.context,
        "boundaries": layout.boundaries,
    }
    if stride is not None:
        with work("sliding window") as bar:
            slid = sliding(predictor, text, layout, stride, bar and bar.show)
        result |= {
            "sliding_bits_per_byte": slid.bits_per_byte,
            "sliding_perplexity": slid.perplexity,
            "sliding_stride": stride,
        }
    if score_padding:
        padded = with_padding(predictor, text, layout)
        result |= {"padded_perplexity": padded.perplexity, "padded_tokens": padded.tokens}
    return result | {
        "model": str(folder),
        "parameters": predictor.parameter_count(),
        "data": Path(data).name,
        "data_sha256": text.sha256,
        "seconds": round(time.monotonic() - began, 2),
    }
