"""How well quotes are found: a table's own quotes in their own papers, and in other papers, where none should be."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from openbook.evidence.checking import speaks_of_the_paper
from openbook.evidence.letters import fold
from openbook.evidence.locating import Finder
from openbook.papers.paper import Paper
from openbook.variables import SCORED

#: How a whole response came out: all of it in the paper by its letters (in one stretch or in several), all of it but
#: some only similar, some of it, or none.
ResponseMatch = Literal["verbatim", "near", "partial", "not_found"]
KINDS: Final[tuple[ResponseMatch, ...]] = ("verbatim", "near", "partial", "not_found")


@dataclass(frozen=True, slots=True)
class Quote:
    """A response to one variable, and the id of the paper that it quotes."""

    paper: str
    variable: str
    text: str

    @property
    def explains(self) -> bool:
        """Whether it reads as somebody's words about the paper."""
        return speaks_of_the_paper(self.text)


@dataclass(slots=True)
class Measured:
    """The outcome: how many quotes are of each kind, by the match of their pieces, and which were not found whole."""

    quotes: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    pieces: Counter[str] = field(default_factory=Counter)
    letters: int = 0
    letters_found: int = 0
    unfound: list[dict[str, Any]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Counts and shares (fractions)."""
        count = max(1, self.quotes)
        return {
            "quotes": self.quotes,
            **{kind: self.kinds[kind] for kind in KINDS},
            "shares": {kind: self.kinds[kind] / count for kind in KINDS},
            "pieces": dict(self.pieces),
            "share_of_letters_found": self.letters_found / max(1, self.letters),
        }


def quotes_of(rows: Iterable[Mapping[str, Any]]) -> list[Quote]:
    """The responses of a table of records that answer yes to one of the seven."""
    return [
        Quote(row["id"], variable, row[f"{variable}_text"])
        for row in rows
        for variable in SCORED
        if row[variable] == 1 and (row[f"{variable}_text"] or "").strip()
    ]


def measure(quotes: Iterable[Quote], papers: Mapping[str, Paper]) -> Measured:
    """Look for each quote in its own paper."""
    finders = {name: Finder(paper) for name, paper in papers.items()}
    return _measured((quote, finders[quote.paper]) for quote in quotes if quote.paper in finders)


def measure_elsewhere(quotes: list[Quote], papers: Mapping[str, Paper]) -> Measured:
    """Look for each quote in another paper, the next by name: whatever is found there is a false discovery or a
    sentence that papers share (``Algorithm 1``)."""
    names = sorted(papers)
    others = dict(zip(names, names[1:] + names[:1], strict=True))
    finders = {name: Finder(paper) for name, paper in papers.items()}
    return _measured((quote, finders[others[quote.paper]]) for quote in quotes if quote.paper in others)


def _measured(pairs: Iterable[tuple[Quote, Finder]]) -> Measured:
    result = Measured()
    for quote, finder in pairs:
        pieces = finder.evidence(quote.text)
        counts = [(len(fold(piece.quote).letters), piece.match) for piece in pieces]
        found = sum(count for count, match in counts if match != "absent")
        result.quotes += 1
        result.pieces.update(match for _, match in counts)
        result.letters += sum(count for count, _ in counts)
        result.letters_found += found
        kind = kind_of(counts)
        result.kinds[kind] += 1
        if kind in ("partial", "not_found"):
            result.unfound.append(
                {
                    "paper": quote.paper,
                    "variable": quote.variable,
                    "kind": kind,
                    "explains": quote.explains,
                    "pieces": [{"match": piece.match, "quote": piece.quote} for piece in pieces],
                }
            )
    return result


def kind_of(pieces: Sequence[tuple[int, str]]) -> ResponseMatch:
    """The kind of a response from the letters and match of each of its pieces."""
    matches = {match for count, match in pieces if count}
    if matches <= {"absent"}:
        return "not_found"
    if "absent" in matches:
        return "partial"
    return "near" if "fuzzy" in matches else "verbatim"


def measure_altered(quotes: list[Quote], papers: Mapping[str, Paper], *, seed: int = 0) -> dict[str, dict[str, int]]:
    """Pieces of the quotes that stand in their papers, each altered so that it says something else, and looked for.

    ``number``: one digit changed; ``negation``: a *not* put in; ``word``: a long word exchanged for another of the
    quotes. ``typo``, a letter lost, is harmless and should be found.
    """
    rng = random.Random(seed)
    finders = {name: Finder(paper) for name, paper in papers.items()}
    pieces = [
        (finders[quote.paper], piece.quote)
        for quote in quotes
        if quote.paper in finders
        for piece in finders[quote.paper].evidence(quote.text)
        if piece.match == "exact" and len(piece.quote) >= 50
    ]
    vocabulary = sorted({word for _, text in pieces for word in _LONG_WORD.findall(text)})
    counts: dict[str, dict[str, int]] = {}
    for kind in ("number", "negation", "word", "typo"):
        of_kind = counts[kind] = {"quotes": 0, "found": 0}
        for finder, text in pieces:
            changed = alter(text, kind, vocabulary, rng)
            if changed is not None:
                of_kind["quotes"] += 1
                of_kind["found"] += finder.locate(changed) is not None
    return counts


_LONG_WORD: Final = re.compile(r"\b[A-Za-z]{6,}\b")


def alter(text: str, kind: str, vocabulary: Sequence[str], rng: random.Random) -> str | None:
    """A quote altered; None if it has nothing to alter. Kinds as in ``measure_altered``."""
    pattern = {"number": re.compile(r"\d"), "negation": re.compile(r"(?<=[a-z]) (?=[a-z])")}.get(kind, _LONG_WORD)
    places = list(pattern.finditer(text))
    if not places:
        return None
    place = rng.choice(places)
    old = place.group()
    if kind == "number":
        new = str((int(old) + rng.randint(1, 9)) % 10)
    elif kind == "negation":
        new = " not "
    elif kind == "word":
        others = [word for word in vocabulary if word.casefold() != old.casefold()]
        if not others:
            return None
        new = rng.choice(others)
    else:
        lost = rng.randrange(1, len(old) - 1)
        new = old[:lost] + old[lost + 1 :]
    return text[: place.start()] + new + text[place.end() :]
