"""How a calculation is written: the tokens of an arithmetic task, the columns of a sequence, and the output layer.

A purely linear predictor scores every token with a linear function of the prefix, so what it can compute in one step
depends on the form of those scores. Three forms make the steps of arithmetic exact (docs/arithmetic.md):

- one-hot: each token has a score of its own. A *lookup* of one earlier token.
- pair: token (i, j) scores u_i + v_j; its maximum joins two earlier tokens. A *join*.
- number: token n scores n h - n² q / 2, with its maximum at the whole number nearest h / q. A *sum*.

``TokenAlphabet.structure`` writes these forms as an output embedding; ``structured_predictor`` is a predictor that is given
them and learns only its map. A ``Format`` is an alphabet and a function from the digits of two numbers to the columns
of a sequence, written for many sequences at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.packed import PackedMap

Form = Literal["one-hot", "pair", "number"]


@dataclass(frozen=True)
class TokenType:
    """Tokens of one kind, standing for the values 0..size-1.

    Attributes:
        name: by which formats refer to it.
        words: how each value is written.
        form: what its scores are a function of.
        second: of a pair, how many second members there are; its value is ``second * i + j``.
        zero: which of the words stands for the value 0.
    """

    name: str
    words: tuple[str, ...]
    form: Form = "one-hot"
    second: int = 10
    zero: int = 0

    @property
    def width(self) -> int:
        """Numbers that the form needs of the predictor."""
        size = len(self.words)
        return {"one-hot": size, "pair": size // self.second + self.second, "number": 1}[self.form]


def digits() -> TokenType:
    """0..9."""
    return TokenType("digit", tuple(str(d) for d in range(10)))


def pairs() -> TokenType:
    """Two digits joined in one token, written ``3*4``."""
    return TokenType("pair", tuple(f"{i}*{j}" for i in range(10) for j in range(10)), "pair")


def numbers(largest: int, guard: int = 0) -> TokenType:
    """Whole numbers 0..largest, one token each, written ``s27``.

    ``guard`` more at each end never occur. Without them nothing holds the scores of 0 and of the largest back: their
    likelihood grows the further h moves outwards, which bends the terms that every other sum is made of.
    """
    return TokenType("number", tuple(f"s{n}" for n in range(-guard, largest + guard + 1)), "number", zero=guard)


def signs(*words: str) -> list[TokenType]:
    """Tokens that stand for themselves."""
    return [TokenType(word, (word,)) for word in words]


@dataclass(frozen=True)
class Column:
    """One position of many sequences: the name of a token type, and which of its values each sequence has."""

    kind: str
    values: Int[Tensor, " count"]


class TokenAlphabet:
    """Token types laid end to end: token = where its type begins + value."""

    def __init__(self, types: list[TokenType]) -> None:
        self.types = {kind.name: kind for kind in types}
        self.words = [word for kind in types for word in kind.words]
        self.begins: dict[str, int] = {}
        self._zeros: dict[str, int] = {}
        begin = 0
        for kind in types:
            self.begins[kind.name] = begin
            self._zeros[kind.name] = begin + kind.zero
            begin += len(kind.words)

    def __len__(self) -> int:
        return len(self.words)

    def tokens(self, columns: list[Column]) -> Int[Tensor, "count length"]:
        """The sequences whose positions are these columns."""
        return torch.stack([self._zeros[column.kind] + column.values for column in columns], dim=1)

    def structure(self) -> Float[Tensor, "vocabulary outputs"]:
        """The output embedding that gives every type its form, (vocabulary, sum of the types' widths); to go with
        ``curvature``."""
        rows = torch.zeros(len(self), sum(kind.width for kind in self.types.values()))
        column = 0
        for name, kind in self.types.items():
            begin, size = self.begins[name], len(kind.words)
            value = torch.arange(size)
            if kind.form == "one-hot":
                rows[begin + value, column + value] = 1.0
            elif kind.form == "pair":
                rows[begin + value, column + value // kind.second] = 1.0
                rows[begin + value, column + size // kind.second + value % kind.second] = 1.0
            else:
                rows[begin + value, column] = (value - kind.zero).float()
            column += kind.width
        return rows

    def curvature(self) -> Float[Tensor, " vocabulary"]:
        """The output bias that goes with ``structure``: -n^2/2 for numbers, 0 for all else."""
        bias = torch.zeros(len(self))
        for name, kind in self.types.items():
            if kind.form == "number":
                size = len(kind.words)
                bias[self.begins[name] : self.begins[name] + size] = (
                    -0.5 * (torch.arange(size) - kind.zero).float() ** 2
                )
        return bias


DigitRows = Int[Tensor, "count digits"]  # least significant first
GUARD = 4  # numbers at each end of a format's range that never occur, see alphabet.numbers


@dataclass(frozen=True)
class Format:
    """One way to write a calculation out.

    Attributes:
        alphabet: its tokens.
        prompt: how many columns are given.
        columns: the whole sequence, from the digits of both numbers, least significant first.
        answer: positions of the answer's digits, most significant first.
    """

    alphabet: TokenAlphabet
    prompt: int
    columns: Callable[[DigitRows, DigitRows], list[Column]]
    answer: list[int]


class Writer:
    """Collects columns, and remembers where the answer's digits went."""

    def __init__(self) -> None:
        self.columns: list[Column] = []
        self.places: dict[int, int] = {}

    def write(self, kind: str, values: Tensor) -> Tensor:
        self.columns.append(Column(kind, values))
        return values

    def answer(self, place: int, values: Tensor) -> None:
        """The answer's digit at 10**place."""
        self.places[place] = len(self.columns)
        self.write("digit", values)


def digits_of(values: Int[Tensor, " count"], width: int) -> DigitRows:
    """The lowest ``width`` decimal digits of whole numbers, least significant first, (count, width)."""
    return torch.stack([values // 10**place % 10 for place in range(width)], dim=1)


def plain_format(n: int, types: Sequence[TokenType], body: Callable[[Writer, DigitRows, DigitRows], None]) -> Format:
    """Given are the digits of both numbers, most significant first; ``body`` writes all that follows."""

    def write(a: DigitRows, b: DigitRows) -> Writer:
        writer = Writer()
        for number in (a, b):
            for place in reversed(range(n)):
                writer.write("digit", number[:, place])
        body(writer, a, b)
        return writer

    sample = torch.zeros((1, n), dtype=torch.int64)
    places = write(sample, sample).places
    return Format(
        TokenAlphabet([digits(), *types]),
        2 * n,
        lambda a, b: write(a, b).columns,
        [places[place] for place in sorted(places, reverse=True)],
    )


def joined(name: str, mark: str, first: int, second: int) -> TokenType:
    """Tokens that join a value below ``first`` and one below ``second``."""
    return TokenType(name, tuple(f"{i}{mark}{j}" for i in range(first) for j in range(second)), "pair", second)


def structured_predictor(alphabet: TokenAlphabet, context: int, configuration: dict[str, Any]) -> LinearPredictor:
    """One-hot embedding (frozen), packed map (learned, zero at first), and a frozen head with its bias.

    ``configuration["head"]``: ``structured`` is ``TokenAlphabet.structure`` (pairs score as two one-hots, numbers as
    n h - n^2/2, all else one-hot); ``one-hot`` is the identity, which tells the model nothing. Either way the logits
    are linear in what is learned, so the loss is convex. Raises ArlearnError for another head.
    """
    head = configuration.get("head", "structured")
    unknown = sorted(
        set(configuration) - {"head", "map", "width", "bias"}
    )  # a recipe's defaults, without a meaning here
    if unknown:
        raise ArlearnError(f"[predictor] kind = 'task' has no {', '.join(unknown)}; it takes head")
    if head not in ("structured", "one-hot"):
        raise ArlearnError(f"[predictor] head must be 'structured' or 'one-hot', not {head!r}")
    if configuration.get("map", "packed") != "packed":
        raise ArlearnError("[predictor] kind = 'task' has a packed map; leave map out")
    size = len(alphabet)
    if head == "one-hot":
        return LinearPredictor(
            torch.eye(size), PackedMap(context, size, size), torch.eye(size), frozen=("embedding", "head")
        )
    rows = alphabet.structure()
    return LinearPredictor(
        torch.eye(size),
        PackedMap(context, size, rows.shape[1]),
        rows,
        alphabet.curvature(),
        frozen=("embedding", "head", "head_bias"),
    )
