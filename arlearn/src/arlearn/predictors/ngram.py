"""The n-gram predictor, the baseline that looks at a few tokens and has learned nothing but counts.

Interpolated modified Kneser-Ney estimation from tokens (Chen and Goodman 1998; Heafield et al. 2013).

For a context h, its shortening h' (without the oldest token) and a token w:

    p(w | h) = max(c(hw) - D(c(hw)), 0) / sum over v of c(hv)  +  backoff(h) p(w | h')

and below the single tokens lies the uniform distribution over the whole vocabulary. c counts occurrences for the
longest n-grams, and for shorter ones the different tokens that stand before them; an n-gram that begins a sequence has
nothing before it, and each such occurrence counts. D takes one of three values, for c = 1, 2 and 3 or more, from how
many n-grams of that length have c = 1, 2, 3 and 4. backoff(h) is the mass that the discounts set free.

An n-gram is known by its place in the sorted list of n-grams of its length, and sorted by its *key*: the place of its
first n - 1 tokens in their list, times V, plus its last token. So what follows a context is one slice of a list, keys
fit 64 bits for any length, and nothing is hashed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor, State, Window, check_tokens, counted_targets


class NGramPredictor(Predictor):
    """Interpolated modified Kneser-Ney over the last ``order - 1`` tokens; its logits are log-probabilities.

    A token costs at most ``order`` · V multiply-adds, and for each length of context a search in a sorted list.

    For each length n, of buffers: ``keys_n`` (sorted, see above), ``mass_n`` (the discounted probability) and,
    but for the longest, ``backoff_n`` (the weight of the shorter context where this n-gram is the context).
    """

    kind = "ngram"

    def __init__(self, vocabulary: int, sizes: list[int]) -> None:
        """``sizes``: how many n-grams there are of each length; of single tokens ``vocabulary``."""
        super().__init__()
        if vocabulary < 1 or not sizes or sizes[0] != vocabulary or min(sizes) < 1:
            raise ArlearnError(f"an n-gram predictor of {vocabulary} tokens cannot have n-grams in numbers of {sizes}")
        self.vocabulary, self.context, self.sizes = vocabulary, None, sizes
        for length, size in enumerate(sizes, 1):
            self.register_buffer(f"keys_{length}", torch.arange(size))
            self.register_buffer(f"mass_{length}", torch.full((size,), 1 / vocabulary if length == 1 else 0.0))
            if length < len(sizes):
                self.register_buffer(f"backoff_{length}", torch.ones(size))

    @classmethod
    def from_levels(cls, levels: list[Level], vocabulary: int) -> Self:
        """The predictor that ``estimate`` describes."""
        predictor = cls(vocabulary, [len(level.keys) for level in levels])
        for length, level in enumerate(levels, 1):
            predictor._table("keys", length).copy_(torch.from_numpy(level.keys))
            predictor._table("mass", length).copy_(torch.from_numpy(level.mass))
            if length < len(levels):
                predictor._table("backoff", length).copy_(torch.from_numpy(level.backoff))
        return predictor

    @property
    def order(self) -> int:
        """Tokens of the longest n-grams."""
        return len(self.sizes)

    def _table(self, name: str, length: int) -> Tensor:
        return self.get_buffer(f"{name}_{length}")

    def _nodes(self, tokens: Int[Tensor, "batch length"]) -> list[Int[Tensor, "batch length"]]:
        """For each n-gram length, the place of the n-gram that ends at each position; -1 if the text had none."""
        nodes = [tokens]
        for length in range(2, self.order + 1):
            before = nn.functional.pad(nodes[-1][:, :-1], (1, 0), value=-1)
            keys = self._table("keys", length)
            key = before * self.vocabulary + tokens
            place = torch.searchsorted(keys, key).clamp_(max=len(keys) - 1)
            nodes.append(torch.where((before >= 0) & (keys[place] == key), place, -1))
        return nodes

    def _probabilities(self, nodes: list[Int[Tensor, " rows"]]) -> Float[Tensor, "rows vocabulary"]:
        """The distribution after contexts of 1, 2, ... order - 1 tokens that end at the same place."""
        rows = nodes[0].shape[0]
        p = self._table("mass", 1).repeat(rows, 1)
        for length, node in enumerate(nodes, 1):
            known = (node >= 0).nonzero()[:, 0]
            context = node[known]
            p[known] *= self._table("backoff", length)[context, None]
            keys = self._table("keys", length + 1)
            begin = torch.searchsorted(keys, context * self.vocabulary)
            following = torch.searchsorted(keys, (context + 1) * self.vocabulary) - begin
            row = known.repeat_interleave(following)
            # place of each n-gram that follows: its context's first, and how many of the context came before
            done = (following.cumsum(0) - following).repeat_interleave(following)
            place = begin.repeat_interleave(following) + torch.arange(len(row), device=row.device) - done
            p[row, keys[place] % self.vocabulary] += self._table("mass", length + 1)[place]
        return p

    @torch.no_grad()
    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length vocabulary"]:
        check_tokens(self, tokens)
        nodes = [node.flatten() for node in self._nodes(tokens)[: self.order - 1]]
        p = self._probabilities(nodes) if nodes else self._table("mass", 1).repeat(tokens.numel(), 1)
        return p.log_().view(*tokens.shape, self.vocabulary)

    @torch.no_grad()
    def loss(
        self, tokens: Int[Tensor, "batch length"], counted: Bool[Tensor, "batch length"] | None = None
    ) -> Float[Tensor, ""]:
        """As in the contract, without a gradient: nothing here is learned by descent."""
        check_tokens(self, tokens)
        rows, targets = counted_targets(self, tokens, counted)
        nodes = self._nodes(tokens)
        p = self._table("mass", 1)[targets]
        for length in range(1, self.order):
            context, whole = nodes[length - 1][:, :-1].flatten(), nodes[length][:, 1:].flatten()
            if rows is not None:
                context, whole = context[rows], whole[rows]
            backoff, mass = self._table("backoff", length), self._table("mass", length + 1)
            p = torch.where(context >= 0, backoff[context] * p, p) + torch.where(whole >= 0, mass[whole], 0.0)
        return -p.log().mean()

    def start(self, batch: int) -> Window:
        return Window(batch, max(1, self.order - 1), self.device)

    @torch.no_grad()
    def prefill(
        self, state: State, tokens: Int[Tensor, "batch new"]
    ) -> tuple[Float[Tensor, "batch vocabulary"], State]:
        assert isinstance(state, Window)
        state.append(tokens)
        nodes = [node[:, -1] for node in self._nodes(state.tokens)[: self.order - 1]]
        p = self._probabilities(nodes) if nodes else self._table("mass", 1).repeat(state.batch, 1)
        return p.log_(), state

    def configuration(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "sizes": self.sizes}

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> NGramPredictor:
        try:
            return cls(int(configuration["vocabulary"]), [int(size) for size in configuration["sizes"]])
        except (KeyError, TypeError, ValueError) as error:
            raise ArlearnError(f"the predictor's configuration is invalid: {error!r}") from error

    def parameter_count(self) -> int:
        """Stored probabilities and back-off weights."""
        return sum(buffer.numel() for buffer in self.buffers() if buffer.is_floating_point())

    @property
    def device(self) -> torch.device:
        return self._table("mass", 1).device


CHUNK = 1 << 23  # positions sorted at once
FALLBACK = (0.5, 1.0, 1.5)  # where a text has too few n-grams of some count to estimate a discount
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """The n-grams of one length.

    Attributes:
        keys: sorted; ``place of the first n - 1 tokens * V + last token``. Of single tokens: 0..V-1.
        mass: the first term of p for each.
        backoff: of each as a context; 1 where nothing follows it. Empty for the longest.
        discounts: D for counts of 1, 2, and 3 or more.
    """

    keys: Integers
    mass: Floats
    backoff: Floats
    discounts: tuple[float, float, float]


@dataclass(frozen=True)
class _Counted:
    keys: Integers
    counts: Integers  # occurrences
    last: Integers  # one position at which each ends
    node: Integers  # for every position of the text, the place of the n-gram that ends there; -1: it has none


def estimate(
    tokens: NDArray[np.unsignedinteger],
    starts: Integers,
    vocabulary: int,
    order: int,
    on_progress: Callable[[float], None] | None = None,
) -> list[Level]:
    """The n-grams of 1 to ``order`` tokens of a text.

    ``tokens`` are sequences end to end, the first token of each (at ``starts``, the last of which is the last token of
    all) being the last of the one before: a sequence's first token is never predicted. ``on_progress`` is called
    with the share that is done. Raises ArlearnError if order is less than 1, a token lies outside the vocabulary, or no
    sequence has ``order`` tokens.
    """
    if order < 1:
        raise ArlearnError(f"order must be 1 or more, not {order}")
    if len(tokens) and int(tokens.max()) >= vocabulary:
        raise ArlearnError(f"the text has token {int(tokens.max())}, but the vocabulary has only {vocabulary} tokens")
    depth = _depths(len(tokens), starts)
    longest = int(depth.max(initial=0)) + 1
    if longest < max(order, 2):
        raise ArlearnError(
            f"the text has no {order}-grams: its longest sequence has {longest} tokens, end-of-text included"
        )
    counted = _first(tokens, depth, vocabulary)
    levels: list[tuple[Integers, Integers]] = []  # keys and adjusted counts
    for length in range(2, order + 1):
        longer = _longer(tokens, depth, vocabulary, length, counted)
        different = np.bincount(counted.node[longer.last], minlength=len(counted.keys))
        opening = counted.node[depth == length - 2] if length > 2 else np.empty(0, np.int64)
        levels.append((counted.keys, different + np.bincount(opening, minlength=len(counted.keys))))
        counted = longer
        if on_progress is not None:
            on_progress((length - 1) / order)
    levels.append((counted.keys, counted.counts))
    return _smoothed(levels, vocabulary)


def _depths(count: int, starts: Integers) -> Integers:
    """How many tokens of its sequence come before each token; a token between two sequences ends the first."""
    places = np.arange(count)
    begins = starts[np.maximum(np.searchsorted(starts, places, side="left") - 1, 0)]
    depth: Integers = places - begins
    return depth


def _first(tokens: NDArray[np.unsignedinteger], depth: Integers, vocabulary: int) -> _Counted:
    counts = np.bincount(tokens[depth > 0], minlength=vocabulary)
    return _Counted(np.arange(vocabulary), counts, np.empty(0, np.int64), tokens.astype(np.int64))


def _longer(
    tokens: NDArray[np.unsignedinteger], depth: Integers, vocabulary: int, length: int, shorter: _Counted
) -> _Counted:
    """The n-grams one token longer than ``shorter``: sorted a chunk of the text at a time, and merged."""
    keys = counts = last = np.empty(0, np.int64)
    ends = np.flatnonzero(depth >= length - 1)

    def key(places: Integers) -> Integers:
        made: Integers = shorter.node[places - 1] * vocabulary + tokens[places]
        return made

    for begin in range(0, len(ends), CHUNK):
        places = ends[begin : begin + CHUNK]
        new, where, times = np.unique(key(places), return_index=True, return_counts=True)
        if len(keys) == 0:
            keys, counts, last = new, times, places[where]
            continue
        both = np.concatenate([keys, new])
        order = np.argsort(both, kind="stable")
        fresh = np.concatenate([[True], both[order][1:] != both[order][:-1]])
        keys = both[order][fresh]
        counts = np.add.reduceat(np.concatenate([counts, times])[order], np.flatnonzero(fresh))
        last = np.concatenate([last, places[where]])[order][fresh]
    node = np.full(len(tokens), -1, dtype=np.int64)
    for begin in range(0, len(ends), CHUNK):
        places = ends[begin : begin + CHUNK]
        node[places] = np.searchsorted(keys, key(places))
    return _Counted(keys, counts, last, node)


def _smoothed(levels: list[tuple[Integers, Integers]], vocabulary: int) -> list[Level]:
    """Discounted masses and back-off weights from adjusted counts."""
    done: list[Level] = []
    for number, (keys, counts) in enumerate(levels):
        contexts = 1 if number == 0 else len(levels[number - 1][0])
        context = keys // vocabulary  # of single tokens: all zero, the empty context
        discounts = _discounts(counts)
        discount = np.array([0.0, *discounts])[np.minimum(counts, 3)]
        total = np.bincount(context, weights=counts, minlength=contexts)
        freed = np.bincount(context, weights=discount, minlength=contexts)
        backoff = np.divide(freed, total, out=np.ones(contexts), where=total > 0)
        mass = (counts - discount) / total[context]
        if number == 0:
            mass += backoff[0] / vocabulary  # below it lies the uniform distribution
        else:
            done[-1] = Level(done[-1].keys, done[-1].mass, backoff, done[-1].discounts)
        done.append(Level(keys, mass, np.empty(0), discounts))
    return done


def _discounts(counts: Integers) -> tuple[float, float, float]:
    """D(1), D(2), D(3 or more); the fallback where the text is too small for them, as ``lmplz`` has it on request."""
    n1, n2, n3, n4 = (int((counts == value).sum()) for value in (1, 2, 3, 4))
    if min(n1, n2, n3) == 0:
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if all(0 <= d <= k for k, d in enumerate(found, 1)) else FALLBACK
