"""What must not differ between a quote and its place in the paper: numbers, comparisons, negations, and key words."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from rapidfuzz.distance import Levenshtein

from openbook.evidence.letters import Folded

_NEGATIONS: Final = frozenset(["no", "not", "nor", "never", "none", "neither", "without", "cannot", "hardly", "nt"])
#: Words that a reader exchanges without changing what is said.
_FUNCTION_WORDS: Final = frozenset(
    (
        "a an the this that these those its their our we it they and also of in on at to for with by from as is are "
        "was were be which here then such both too thus"
    ).split()
)
_PREFIXES: Final = frozenset(
    (
        "a an un in im ir il non de dis anti semi sub super over under pre post multi bi uni mis re co inter intra "
        "micro macro hyper hypo"
    ).split()
)
#: Words of its place that a quote may leave out in one stretch, and that may stand for words that carry little.
_MOST_LEFT_OUT: Final = 6
_MOST_EXCHANGED: Final = 3
#: A negation this many words before or after a place may belong to it.
_NEAR: Final = 4
_COMPARISONS: Final = re.compile(r"[<>≤≥≠]")
_FRACTIONS: Final = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_TOKEN: Final = re.compile(rf"\d+(?:[.,]\d+)*(?:e-?\d+)?|[{_FRACTIONS}]|[^\W\d_]+")
_MINUS: Final = "-−–‐‑"


def same_signs(quote: Folded, place: Folded, at: int) -> bool:
    """Whether a quote and ``place`` at letter ``at``, equal in letters, agree in what gives numbers their value.

    Between two digits a decimal point, nothing, or something else are three different things (``0.5``, ``05``,
    ``0 5``), but for a mark of thousands; an exponent keeps its sign; comparison signs agree where both have them.
    """
    letters = quote.letters
    for index in range(len(letters) - 1):
        following = letters[index + 1]
        if not following.isdigit():
            continue
        mine, theirs = quote.between(index), place.between(at + index)
        if letters[index].isdigit():
            if mine != theirs and not _same_gap(mine, theirs, letters[index + 1 :]):
                return False
        elif letters[index] == "e" and index and letters[index - 1].isdigit() and not _same_exponent(mine, theirs):
            return False
    start, end = place.span(at, at + len(letters))
    ours, others = _COMPARISONS.findall(quote.source), _COMPARISONS.findall(place.source[start:end])
    return not ours or not others or ours == others


def _same_exponent(mine: str, theirs: str) -> bool:
    """A minus after an ``e`` stands on both sides, or was lost and left a space."""
    minus = [any(character in _MINUS for character in gap) for gap in (mine, theirs)]
    return minus[0] == minus[1] or (theirs if minus[0] else mine).isspace()


def _same_gap(mine: str, theirs: str, rest: str) -> bool:
    mine, theirs = mine.strip(), theirs.strip()
    if ("." in mine) != ("." in theirs):
        return False
    joined = [not gap for gap in (mine, theirs)]
    if joined[0] == joined[1]:
        return True
    return (mine or theirs) == "," and re.match(r"\d{3}(?!\d)", rest) is not None


def tokens(text: str) -> list[str]:
    """Words and numbers in lower case, ligatures and accents undone, hyphenation at line ends joined."""
    text = re.sub(rf"(?<=[^\W\d_])[{_MINUS}\u00ad]\s*\n\s*(?=[^\W\d_])", "", text)
    plain = "".join(c if c in _FRACTIONS else unicodedata.normalize("NFKD", c) for c in text)
    plain = "".join(c for c in plain if not unicodedata.combining(c) and unicodedata.category(c) != "Lm")
    # ``1e 2`` is what is left of ``1e-2`` where extraction lost the minus.
    plain = re.sub(rf"(?<=\d)e(\s*[{_MINUS}]\s*|\s+)(?=\d)", "e-", plain.casefold())
    return [token.replace(",", "") if token[0].isdigit() else token for token in _TOKEN.findall(plain)]


def _is_number(token: str) -> bool:
    return token[0].isnumeric()


def same_claim(quote: str, place: str, before: str = "", after: str = "") -> bool:
    """Whether a quote that is merely similar to a place of the paper still says the same.

    Not so when a number of the quote is missing from the place or another, when a number was cut short (``5`` for
    ``5½``), when a negation was added or lost, when a name was exchanged (``CPU`` for ``GPU``), or when several words
    of the quote are not there. Words may be left out or spelled a little differently, and the symbols of a formula may
    differ: extraction does that. ``before`` and ``after`` are what the paper has around the place: where the quote's
    first or last words are not in it, no negation may stand there instead.
    """
    ours, theirs = tokens(quote), tokens(place)
    edits = _edits(ours, theirs)
    if edits and edits[0].src_start == 0 and _negates(tokens(before)[-_NEAR:]):
        return False
    if edits and edits[-1].src_end == len(ours) and _negates(tokens(after)[:_NEAR]):
        return False
    for edit in edits:
        mine = ours[edit.src_start : edit.src_end]
        other = theirs[edit.dest_start : edit.dest_end]
        if "".join(mine) == "".join(other):
            continue
        if _negates(mine) or _negates(other):
            return False
        formula = _in_formula(ours, edit.src_start, edit.src_end) and _in_formula(
            theirs, edit.dest_start, edit.dest_end
        )
        if not _same_numbers(mine, other, formula):
            return False
        if not formula and _cut_short(ours, edit.src_start, other):
            return False
        if not formula and not _same_words(mine, other):
            return False
    return True


def _negates(words: list[str]) -> bool:
    return any(word in _NEGATIONS for word in words)


@dataclass(slots=True)
class _Edit:
    """Tokens of the quote, and the tokens of the paper that stand in their place."""

    src_start: int
    src_end: int
    dest_start: int
    dest_end: int


def _edits(ours: list[str], theirs: list[str]) -> list[_Edit]:
    """The places where two lists of tokens differ, neighbouring ones joined."""
    edits: list[_Edit] = []
    for code in Levenshtein.opcodes(ours, theirs):
        if code.tag == "equal":
            continue
        if edits and edits[-1].src_end == code.src_start and edits[-1].dest_end == code.dest_start:
            edits[-1].src_end, edits[-1].dest_end = code.src_end, code.dest_end
        else:
            edits.append(_Edit(code.src_start, code.src_end, code.dest_start, code.dest_end))
    return edits


def _same_numbers(mine: list[str], other: list[str], formula: bool) -> bool:
    """Whether the place has the numbers of the quote, and within a formula no more than stray digits besides."""
    ours = [token for token in mine if _is_number(token)]
    theirs = [token for token in other if _is_number(token)]
    if ours == theirs:
        return True
    if not ours:
        return not formula or all(len(token) == 1 for token in theirs)
    left = iter(theirs)
    return formula and all(number in left for number in ours) and all(len(token) == 1 for token in theirs)


def _cut_short(ours: list[str], at: int, inserted: list[str]) -> bool:
    """Whether numbers that the quote lacks stand right beside a number of the quote: then that number was cut short."""
    if not inserted:
        return False
    before = at > 0 and _is_number(ours[at - 1]) and _is_number(inserted[0])
    after = at < len(ours) and _is_number(ours[at]) and _is_number(inserted[-1])
    return before or after


def _in_formula(words: list[str], start: int, end: int) -> bool:
    """Whether tokens stand among the symbols of a formula: no prose in them, and two symbols within four tokens."""
    if any(len(word) > 3 and not _is_number(word) for word in words[start:end]):
        return False
    around = words[max(0, start - 4) : end + 4]
    return sum(len(word) == 1 and not _is_number(word) and word != "a" for word in around) >= 2


def _same_words(mine: list[str], other: list[str]) -> bool:
    """Whether exchanged, added or left-out words say the same: one word damaged, or words that carry little."""
    left, right = "".join(mine), "".join(other)
    if min(len(left), len(right)) >= 5 and Levenshtein.normalized_similarity(left, right) >= 0.7:
        return not _prefixed(left, right)
    content = [word for word in mine if word not in _FUNCTION_WORDS and not _is_number(word)]
    if not mine:
        return len(other) <= _MOST_LEFT_OUT
    if not other:  # a symbol that one extraction lost is no loss of meaning by itself
        return all(len(word) == 1 for word in content)
    return not content and len(other) <= _MOST_EXCHANGED


def _prefixed(left: str, right: str) -> bool:
    """Whether two words differ by a prefix that changes what is meant, as *synchronous* and *asynchronous* do."""
    short, long = sorted((left, right), key=len)
    return long.endswith(short) and long[: len(long) - len(short)] in _PREFIXES


def is_harmless(text: str) -> bool:
    """Whether leaving a text out of a quote leaves out no number and no negation."""
    return not any(_is_number(token) or token in _NEGATIONS for token in tokens(text))


def is_formula(text: str) -> bool:
    """Whether a text is a formula rather than prose or a number: symbols, and hardly a word."""
    words = tokens(text)
    symbols = sum(len(word) == 1 and not _is_number(word) and word != "a" for word in words)
    return symbols >= 3 and sum(len(word) >= 4 and not _is_number(word) for word in words) <= 1
