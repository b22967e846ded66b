"""Sentences as sparse rows: words, pairs of neighbouring words, and named turns of phrase.

``words(plain(["We set the learning rate to 0.01 (Smith, 2012).", "See www.a.org."]))`` is
``["we", "set", "the", "learning", "rate", "to", "@decimal", "@citation", "\\n", "see", "@url"]``: numbers, links and
citations become their kind. Extracted texts differ in ligatures, dashes and in where a run of letters was cut (``ResNet``
or ``Res Net``), so these are made alike first. All sentences of a paper go through each regular expression in one call:
that is what makes it fast.

A row holds, for each word and pair of neighbouring words that the vocabulary knows, its inverse document frequency
(rare words count more), divided by ``sqrt(sum of squares + DAMPING)``: a plain L2 norm would let fragments of two words
shout. The last columns are the patterns of ``patterns.toml``, each worth ``PATTERN_VALUE``: features for the learned
weights to use, not rules.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import pairwise, repeat
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from openbook.papers.characters import LIGATURES, without_calls

Ints = npt.NDArray[np.int64]
Floats64 = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

_PLAIN: Final = (
    *LIGATURES.items(),
    *(("’", "'"), ("‘", "'"), ("“", '"'), ("”", '"')),
    *((dash, "-") for dash in "–—−‐‑"),
    *((space, " ") for space in "\n\r\t\f\v\x1c\x1d\x1e\x85\xa0\u2028\u2029"),
)
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_EMAIL: Final = re.compile(r"@[\w-]+\.[\w.]+")
# Printed addresses are often broken by a space after a slash or a dot.
_URL: Final = re.compile(
    r"(?:https? ?: ?// ?|www ?\. ?)[^\s,;)]+(?: [^\s,;)]*/[^\s,;)]*)?"
    r"|(?:github|bitbucket|gitlab|sourceforge)\.[^\s,;)]+"
)
_CITATION: Final = re.compile(
    r"\([^()\n]{0,90}?\b(?:19|20)\d\d[a-z]?\b[^()\n]{0,90}\)|\[ ?\d+(?: ?[,-] ?\d+)* ?\]|et al\.?,? \(?(?:19|20)\d\d"
)
_NUMBER: Final = re.compile(
    r"[.\d](?<![a-z\d]\d)(?<![\d.][.\d])(?:[\d.,]*\d)?(?:e-?\d+)?"
    r"(?: ?-? ?(?:gb|gib|tb|mb|gigabytes?|g(?= ?(?:ram|memory|of|b))|ghz|mhz|folds?)\b| ?%| ?- ?\d\b|k\b)?"
)
_WORD: Final = re.compile(r"@?[a-z\d]+(?:\+\+)?|[α-ω=×\n]")
_HOST: Final = re.compile(
    r"github|bitbucket|gitlab|sourceforge|code\.google|zenodo|figshare|kaggle|uci|libsvm|openml|lecun|toronto|stanford"
    r"|huggingface|drive\.google|dropbox|anonymous|torch|theano|mloss|arxiv|grouplens|jmlr|mturk"
)
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
BREAK: Final = "\n"
"""Stands between two sentences in what ``words`` returns."""


def plain(sentences: Sequence[str]) -> list[str]:
    """Each sentence in lower case, ligatures and dashes spelled out, humped words cut, calls of footnotes left out. Lengths are not kept."""
    if not sentences:
        return []
    text = without_calls("\x00".join(sentence.replace("\x00", " ") for sentence in sentences))
    for found, instead in _PLAIN:  # str.translate takes ten times as long
        text = text.replace(found, instead)
    return _HUMP.sub(" ", text).lower().split("\x00")


def words(lowered: Sequence[str]) -> list[str]:
    """The words of sentences that ``plain`` made, one list for all, with ``BREAK`` between sentences."""
    text = _EMAIL.sub(" @email ", BREAK.join(lowered)).replace("<email>", " @email ")
    text = _URL.sub(_url, text)
    text = _CITATION.sub(" @citation ", text)
    return _WORD.findall(_NUMBER.sub(_number, text))


def _url(found: re.Match[str]) -> str:
    return " @url " + "".join(f"@{host.replace('.', '')} " for host in _HOST.findall(found[0]))


def _number(found: re.Match[str]) -> str:
    text = found[0]
    last = text[-1]
    if last.isdigit():
        if len(text) <= 2:
            return f" @{text} "
        if _YEAR.fullmatch(text):
            return " @year "
        if " " in text or "-" in text:
            return " @power "
        if text.count(".") > 1:
            return " @version "
        return " @decimal " if "." in text else " @large "
    if last == ".":
        return " "
    if last == "%":
        return " @percent "
    if last == "z":
        return " @clock "
    if "fold" in text:
        return " @fold "
    return " @large " if last == "k" else " @memory "


class Pattern(NamedTuple):
    """``regex`` is searched in a lowered sentence that holds one of the ``triggers`` (words of ``words``)."""

    name: str
    triggers: tuple[str, ...]
    regex: re.Pattern[str]


def _read() -> tuple[Pattern, ...]:
    table = tomllib.loads(files("openbook.assessors.linear").joinpath("patterns.toml").read_text(encoding="utf-8"))
    parts = {f"<{name}>": _joined(text) for name, text in table["parts"].items()}
    words = {f"<{name}>": text for name, text in table["words"].items()}
    return tuple(
        Pattern(
            name,
            tuple(_filled(entry["triggers"], words).split()),
            re.compile(_filled(_joined(entry["regex"]), parts)),
        )
        for name, entry in table["patterns"].items()
    )


def _joined(regex: str) -> str:
    return "".join(line.strip() for line in regex.splitlines())


def _filled(text: str, parts: dict[str, str]) -> str:
    for name, part in parts.items():
        text = text.replace(name, part)
    return text


PATTERNS: Final = _read()
NAMES: Final = tuple(pattern.name for pattern in PATTERNS)

_TRIGGERED: Final[dict[str, tuple[int, ...]]] = {
    word: tuple(index for index, pattern in enumerate(PATTERNS) if word in pattern.triggers)
    for word in sorted({word for pattern in PATTERNS for word in pattern.triggers})
}


def flags(lowered: list[str], words: list[str]) -> tuple[list[int], list[int]]:
    """Which patterns stand in which sentences: (sentence indices, pattern indices), ordered by sentence.

    ``lowered`` and ``words`` are what ``plain`` and ``words`` made of the same sentences.
    """
    rows: list[int] = []
    columns: list[int] = []
    wanted: set[int] = set()
    sentence = 0
    triggered = _TRIGGERED.get
    for word in [*words, BREAK]:
        if word == BREAK:
            if wanted:
                text = lowered[sentence]
                for index in sorted(wanted):
                    if PATTERNS[index].regex.search(text):
                        rows.append(sentence)
                        columns.append(index)
                wanted = set()
            sentence += 1
        else:
            indices = triggered(word)
            if indices:
                wanted.update(indices)
    return rows, columns


DAMPING: Final = 150.0
PATTERN_VALUE: Final = 0.3
_SHIFT: Final = 32


@dataclass(frozen=True)
class Rows:
    """A sparse matrix by rows: row k has ``columns[ends[k]:ends[k + 1]]`` with ``values`` of the same span."""

    ends: Ints
    columns: Ints
    values: Floats
    width: int

    def times(self, weights: Floats) -> Floats:
        """The product with ``weights`` (column, head): (row, head), float32."""
        count, heads = len(self.ends) - 1, weights.shape[1]
        products = weights[self.columns] * self.values[:, None]
        sums = np.vstack([np.zeros((1, heads)), np.cumsum(products, axis=0, dtype=np.float64)])
        return (sums[self.ends[1:]] - sums[self.ends[:-1]]).astype(np.float32).reshape(count, heads)

    def dense(self) -> Floats:
        """The matrix with its zeros: (row, width)."""
        full = np.zeros((len(self.ends) - 1, self.width), np.float32)
        full[np.repeat(np.arange(len(self.ends) - 1), np.diff(self.ends)), self.columns] = self.values
        return full


@dataclass(frozen=True)
class Vocabulary:
    """The words and pairs that count, and their weights.

    ``words`` starts with ``BREAK``; ``pairs`` is sorted, each is ``first << 32 | second`` of word numbers (a first
    number 0 is the start of a sentence); ``idf`` weighs the words, then the pairs. Columns of a row: the words, the
    pairs, the patterns.
    """

    words: Sequence[str]
    pairs: Ints
    idf: Floats
    ids: dict[str, int] = field(init=False, repr=False)
    _values: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", {word: index for index, word in enumerate(self.words)})
        patterns = np.full(len(NAMES), PATTERN_VALUE, np.float32)
        object.__setattr__(self, "_values", np.concatenate([self.idf, patterns]).astype(np.float32))

    @property
    def width(self) -> int:
        """How many columns a row has."""
        return len(self.words) + len(self.pairs) + len(NAMES)

    def rows(self, sentences: Sequence[str]) -> Rows:
        """One row per sentence, float32, (sentence, column)."""
        count, terms = len(sentences), self.width - len(NAMES)
        lowered = plain(sentences)
        found = words(lowered)
        rows, columns = self._terms(found)
        flag_rows, flag_columns = flags(lowered, found)
        keys = np.concatenate(
            [
                rows * self.width + columns,
                np.asarray(flag_rows, np.int64) * self.width + np.asarray(flag_columns, np.int64) + terms,
            ]
        )
        keys.sort()
        keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]]
        rows, columns = np.divmod(keys, self.width)
        values = self._values[columns]
        squares = np.where(columns < terms, values.astype(np.float64) ** 2, 0)
        norms = np.sqrt(np.bincount(rows, squares, minlength=count) + DAMPING)
        values = np.where(columns < terms, values / norms[rows], values).astype(np.float32)
        ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
        return Rows(ends.astype(np.int64), columns, values, self.width)

    def _terms(self, found: list[str]) -> tuple[Ints, Ints]:
        known = self.ids.get
        ids = np.zeros(len(found) + 1, np.int64)
        ids[1:] = np.fromiter(map(known, found, repeat(-1)), np.int64, len(found))
        sentence = np.cumsum(ids == 0) - 1
        single = ids > 0
        key = (ids[:-1] << _SHIFT) | ids[1:]
        valid = (ids[:-1] >= 0) & (ids[1:] > 0)
        if len(self.pairs):
            place = np.minimum(np.searchsorted(self.pairs, key), len(self.pairs) - 1)
            valid &= self.pairs[place] == key
        else:
            place, valid = np.zeros_like(key), np.zeros_like(valid)
        return (
            np.concatenate([sentence[single], sentence[1:][valid]]),
            np.concatenate([ids[single], place[valid] + len(self.words)]),
        )


def build_vocabulary(sentences: Iterable[str], *, least: int = 4) -> Vocabulary:
    """The words and pairs that stand in at least ``least`` sentences, and how rare they are."""
    counts: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    total = 0
    for batch in batches(sentences, 2000):
        sentence: list[str] = [BREAK]
        for word in [*words(plain(batch)), BREAK]:
            if word == BREAK:
                counts.update(set(sentence))
                pairs.update(set(pairwise(sentence)))
                total += 1
                sentence = [BREAK]
            else:
                sentence.append(word)
    kept = [BREAK, *sorted(word for word, count in counts.items() if count >= least and word != BREAK)]
    ids = {word: index for index, word in enumerate(kept)}
    numbered = sorted(
        (ids[first] << _SHIFT | ids[second], count) for (first, second), count in pairs.items() if count >= least
    )
    frequencies = [counts[word] for word in kept] + [count for _, count in numbered]
    idf = np.log((1 + total) / (1 + np.asarray(frequencies, np.float64))).astype(np.float32)
    return Vocabulary(kept, np.asarray([key for key, _ in numbered], np.int64), idf)


def batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of at most ``size`` items."""
    batch: list[str] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
