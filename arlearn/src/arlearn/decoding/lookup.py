"""Greedy generation from exact weights by table lookup, which makes compiled programs fast.

The scores of a linear predictor are ``head (sum over reads of W x)``: one term for each token that is read. Where a map
has few blocks, each term is a row of a small table, (block, token) -> vector, and many tokens share a row: of the sum
``a0 + a1 + 3`` only the digits count. So every row of the map turns the tokens it reads into a *code*, the numbers of
their vectors in mixed radix, and the most likely next token for each code is computed once from the stored weights and
kept. From then on a token costs a few additions and one look-up.

This is exact, not an approximation: it is used only if all weights are whole numbers and no sum can reach 2^24, so that
float32 adds them without rounding in whatever order. Then ``forward`` finds the same scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.predictors.base import ABSENT, Predictor
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps import BlocksMap, PeriodicMap

WHOLE = 2**24  # whole numbers up to this are exact in float32
LARGEST = 1 << 26  # numbers in all tables of vectors together
DENSE = 1 << 20  # codes that a batch keeps in an array
TOGETHER = 16  # neighbouring codes that are computed when one of them is needed
KEPT = 1 << 20  # codes that a single stream keeps, for each kind of row

Callback = Callable[[Int[Tensor, " rows"], Int[Tensor, " rows"]], None]


@dataclass
class _Kind:
    """Rows that read with the same blocks in the same order, whatever the distances.

    Attributes:
        vectors: for each read, (classes, outputs): the distinct vectors that tokens contribute.
        scaled: for each read, (vocabulary): the token's class times the read's stride.
        space: how many codes there are.
        known: code -> next token, as far as computed.
        dense: the same as an array with -1 if it is not computed, for batches and small spaces.
    """

    vectors: list[np.ndarray]
    scaled: list[np.ndarray]
    space: int
    known: dict[int, int] = field(default_factory=dict)
    dense: np.ndarray | None = None
    lists: list[list[int]] = field(default_factory=list)  # ``scaled`` as lists, which a single stream reads faster


class LookupDecoder:
    """Greedy generation, by table lookup, from a predictor with few blocks of whole numbers."""

    def __init__(self, predictor: LinearPredictor) -> None:
        """Raises ValueError if the predictor's weights are not exact, or its tables would be too large."""
        causal = predictor.map
        assert isinstance(causal, BlocksMap | PeriodicMap)
        self._map = causal
        self._head = predictor.head.detach().double().numpy()
        bias = predictor.head_bias
        self._bias = None if bias is None else bias.detach().double().numpy()
        self._embedding = predictor.embedding.detach().double().numpy()
        if isinstance(causal, PeriodicMap) and any(distance > row for row, distance, _ in causal.reads):
            raise ValueError("the map reads before the first token")
        weight = causal.weight.detach().numpy()
        if not all(np.array_equal(each, np.rint(each)) for each in (self._head, self._embedding, weight)):
            raise ValueError("not all weights are whole numbers")
        if self._bias is not None and not np.array_equal(self._bias, np.rint(self._bias)):
            raise ValueError("not all weights are whole numbers")
        self._blocks = self._distinct(weight)
        self._kinds: dict[tuple[int, ...], _Kind] = {}
        self._rows: list[tuple[list[int], _Kind]] = []  # for each row of the map: distances and kind
        rows = causal.context if isinstance(causal, BlocksMap) else causal.start + causal.period
        for row in range(rows):
            reads = self._reads(row)
            signature = tuple(self._blocks[block][0] for _, block in reads)
            if signature not in self._kinds:
                self._kinds[signature] = self._kind(signature)
            self._rows.append(([distance for distance, _ in reads], self._kinds[signature]))

    def _reads(self, row: int) -> list[tuple[int, int]]:
        """(distance, block) of everything a row reads, the farthest first."""
        if isinstance(self._map, PeriodicMap):
            return self._map.row_reads(row)
        return [(row - source, block) for source, block in self._map.row_reads(row)]

    def _distinct(self, weight: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """For each stored block: the number of its equal class, its distinct vectors, and each token's vector."""
        found: dict[bytes, tuple[int, np.ndarray, np.ndarray]] = {}
        blocks, size = [], 0
        for block in weight:
            key = block.tobytes()
            if key not in found:
                size += len(self._embedding) * block.shape[0]
                if size > LARGEST:
                    raise ValueError("the tables would be too large")
                made = self._embedding @ block.astype(np.float64).T + 0.0  # -0.0 becomes 0.0
                rows = made.view(np.dtype((np.void, made.shape[1] * made.itemsize))).ravel()
                _, first, classes = np.unique(rows, return_index=True, return_inverse=True)
                found[key] = (len(found), made[first], classes.reshape(-1))
            blocks.append(found[key])
        self._by_number = {number: (vectors, classes) for number, vectors, classes in found.values()}
        return blocks

    def _kind(self, signature: tuple[int, ...]) -> _Kind:
        vectors = [self._by_number[number][0] for number in signature]
        most = sum((np.abs(each).max(axis=0) for each in vectors), np.zeros(self._head.shape[1]))
        scores = np.abs(self._head) @ most + (0 if self._bias is None else np.abs(self._bias))
        if max(most.max(), scores.max()) > WHOLE:
            raise ValueError("sums can be so large that float32 rounds them")
        scaled, space = [], 1
        for number in signature:
            classes = self._by_number[number][1]
            scaled.append(classes.astype(object) * space if space > 2**40 else classes.astype(np.int64) * space)
            space *= len(self._by_number[number][0])
        return _Kind(vectors, scaled, space, lists=[each.tolist() for each in scaled])

    def batchable(self) -> bool:
        """Whether every code fits 63 bits, as batches need."""
        return all(kind.space < 2**62 for kind in self._kinds.values())

    def generate(
        self, prompt: Int[Tensor, "batch prompt"], max_tokens: int, stop: Iterable[int], callback: Callback | None
    ) -> Int[Tensor, "batch generated"]:
        """What ``decoding.generate.generate`` says, at temperature 0."""
        if len(prompt) == 1:
            return torch.tensor([self._stream(prompt[0].tolist(), max_tokens, frozenset(stop), callback)])
        return torch.from_numpy(self._batch(prompt.numpy(), max_tokens, sorted(set(stop)), callback))

    def _stream(self, tokens: list[int], max_tokens: int, stop: frozenset[int], callback: Callback | None) -> list[int]:
        """The tokens after these."""
        given = len(tokens)
        rows = [(distances, kind.lists, kind.known, kind) for distances, kind in self._rows]
        start = self._map.start if isinstance(self._map, PeriodicMap) else len(rows)
        period = len(rows) - start
        single = torch.zeros(1, dtype=torch.long)
        for position in range(given - 1, given - 1 + max_tokens):
            row = position if position < start else start + (position - start) % period
            distances, lists, known, kind = rows[row]
            code = 0
            for distance, scaled in zip(distances, lists, strict=True):
                code += scaled[tokens[position - distance]]
            token = known.get(code)
            if token is None:
                token = self._learn(kind, code)
            tokens.append(token)
            if callback is not None:
                callback(single, torch.tensor([token]))
            if token in stop:
                break
        return tokens[given:]

    def _learn(self, kind: _Kind, code: int) -> int:
        """The next token for a code that a single stream meets for the first time; kept, with others if they are few."""
        begin = code - code % TOGETHER
        near = range(begin, min(begin + TOGETHER, kind.space))
        known = dict(zip(near, self._next(kind, list(near)).tolist(), strict=True))
        if len(kind.known) < KEPT:
            kind.known.update(known)
        return int(known[code])

    def _batch(self, prompt: np.ndarray, max_tokens: int, stop: list[int], callback: Callback | None) -> np.ndarray:
        """The tokens after each of these prompts, ABSENT after a row's stop token."""
        given = prompt.shape[1]
        columns = list(prompt.T.copy())  # of the rows that go on
        alive = np.arange(len(prompt))
        made: list[np.ndarray] = []
        for position in range(given - 1, given - 1 + max_tokens):
            row = position if isinstance(self._map, BlocksMap) else self._map.row_of(position)
            distances, kind = self._rows[row]
            codes = np.zeros(len(alive), dtype=np.int64)
            for distance, scaled in zip(distances, kind.scaled, strict=True):
                codes += scaled[columns[position - distance]]
            token = self._tokens(kind, codes)
            column = np.full(len(prompt), ABSENT, dtype=np.int64)
            column[alive] = token
            made.append(column)
            columns.append(token)
            if callback is not None:
                callback(torch.from_numpy(alive), torch.from_numpy(token))
            if stop:
                going = ~np.isin(token, stop)
                if not going.all():
                    alive = alive[going]
                    if not len(alive):
                        break
                    reach = self._map.window
                    columns = [c[going] if position + 1 - i < reach else c for i, c in enumerate(columns)]
        return np.stack(made, axis=1)

    def _tokens(self, kind: _Kind, codes: np.ndarray) -> np.ndarray:
        """The next token for each of these codes."""
        if kind.space > DENSE:
            distinct, inverse = np.unique(codes, return_inverse=True)
            return np.asarray(self._next(kind, distinct)[inverse.reshape(-1)])
        if kind.dense is None:
            kind.dense = np.full(kind.space, ABSENT, dtype=np.int64)
        token = kind.dense[codes]
        missing = np.unique(codes[token == ABSENT])
        if len(missing):
            kind.dense[missing] = self._next(kind, missing)
            token = kind.dense[codes]
        return np.asarray(token)

    def _next(self, kind: _Kind, codes: list[int] | np.ndarray) -> np.ndarray:
        """The most likely token for each code, from the stored weights."""
        hidden = np.zeros((len(codes), self._head.shape[1]))
        rest = np.array(codes, dtype=object if kind.space > 2**62 else np.int64)
        for vectors in kind.vectors:
            hidden += vectors[(rest % len(vectors)).astype(np.int64)]
            rest = rest // len(vectors)
        found = []
        size = max(1, (1 << 22) // len(self._head))
        for begin in range(0, len(hidden), size):
            scores = hidden[begin : begin + size] @ self._head.T
            scores = scores if self._bias is None else scores + self._bias
            found.append(torch.from_numpy(scores).argmax(dim=-1).numpy())
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def lookup_decoder(predictor: Predictor, length: int) -> LookupDecoder | None:
    """The decoder of this predictor for sequences of this length; None if it cannot be used.

    It is kept with the predictor until a weight changes.
    """
    if not isinstance(predictor, LinearPredictor) or not isinstance(predictor.map, BlocksMap | PeriodicMap):
        return None
    parameters = list(predictor.parameters())
    if any(p.dtype != torch.float32 or p.device.type != "cpu" for p in parameters):
        return None
    if predictor.context is not None and length > predictor.context + 1:
        return None  # the window would slide
    versions = tuple((p.data_ptr(), p._version) for p in parameters)
    known = _decoders.get(predictor)
    if known is None or known[0] != versions:
        try:
            known = (versions, LookupDecoder(predictor))
        except ValueError:
            known = (versions, None)
        _decoders[predictor] = known
    return known[1]


_decoders: WeakKeyDictionary[LinearPredictor, tuple[tuple[tuple[int, int], ...], LookupDecoder | None]]
_decoders = WeakKeyDictionary()
