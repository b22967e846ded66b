"""Splitting a paragraph of a research paper into sentences, by rules that know how papers are written.

One pass of one regular expression finds the places where a sentence may end; each is then judged by the word before it
and the word after it. Linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 1200
"""A run of text without any sentence end (a table, a broken equation) is cut after about this many characters."""

_BULLETS = "•▪◦‣●■◆➤"
_BOUNDARY = re.compile(rf"[.!?][)\]”’\"']*(?:\s*⟨[\d,]+⟩)?\s+|\s+(?=[{_BULLETS}]\s)")

# Never the end of a sentence: what follows belongs to them.
_OPENING = frozenset(
    (
        "fig figs figure eq eqs eqn eqns sec secs sect sects tab tabs alg algs thm thms lem prop props def defs cor "
        "ref refs app ch chap vol no nos pp p e.g i.e eg ie cf viz resp approx dr prof mr mrs ms st jr univ dept proc "
        "conf int trans ed eds hon incl ex a.k.a vs v.s assoc symp min max avg std var ver"
    ).split()
)
# May end a sentence: only when a word that usually starts one follows.
_AMBIGUOUS = frozenset("al etc w.r.t s.t i.i.d iid inc ltd co corp u.s u.k u.s.a ph.d d.c a.m p.m resp j".split())
_WORDS_THAT_MAY_END = frozenset(["no", "min", "max", "app", "prop", "int", "var", "std", "ex", "ref", "def"])
_STARTERS = frozenset(
    (
        "the this that these those we our us in on at for to from by with without as an it its they their there here "
        "he she however moreover furthermore finally first second third then thus hence therefore also additionally "
        "although though while when where since because if let given note such each all both one two three many most "
        "some several recently unlike similar similarly experiments results figure table section algorithm theorem "
        "lemma proof instead nevertheless nonetheless consequently specifically next based using after before during "
        "following despite what which who how why even more other another consider recall suppose assume indeed "
        "interestingly"
    ).split()
)
_BEFORE_WORD = frozenset(" \n\t\xa0([{“\"'‘/,;:–—")
_NEXT_WORD = re.compile(r"[\w’'-]+")
_CAPTION_LABEL = re.compile(r"(?:figure|table|algorithm|listing)\s+\d+", re.IGNORECASE)
_LIST_MARK = re.compile(r"[\[(]?(?:\d{1,3}|[ivxIVX]{1,4}|[A-Za-z]|[A-Z]?\d{1,2}(?:\.\d{1,2})*)$")


def split_sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Spans of the sentences in ``text[start:end]``, in order, without the white space around them."""
    end = len(text) if end is None else end
    begin = start
    for found in _BOUNDARY.finditer(text, start, end):
        if found.end() >= end:
            break
        if text[found.start()] in ".!?" and not _ends_sentence(text, begin, found.start(), found.end()):
            continue
        yield from _cut(text, begin, found.end())
        begin = found.end()
    yield from _cut(text, begin, end)


def _ends_sentence(text: str, begin: int, mark: int, following: int) -> bool:
    after = text[following]
    if after.islower() or after in ",;:)]}":
        return False
    if text[mark] != ".":
        return True
    word = mark
    while word > begin and mark - word < 40 and text[word - 1] not in _BEFORE_WORD:
        word -= 1
    last = text[word:mark].rstrip(".")
    if not last:
        return True
    if word <= begin + 1 and _LIST_MARK.match(last):
        return False  # "1. Introduction", "(a). The"
    if last.isdigit() and _CAPTION_LABEL.fullmatch(text, begin, mark):
        return False  # "Figure 2. The pipeline."
    lowered = last.lower()
    if lowered in _AMBIGUOUS or (len(last) == 1 and last.isupper()):
        return _starts(text, following)
    if lowered in _OPENING:
        if last in _WORDS_THAT_MAY_END:  # "no.", "max.": also plain words
            return _starts(text, following)
        return False
    return True


def _starts(text: str, position: int) -> bool:
    word = _NEXT_WORD.match(text, position)
    return bool(word) and word.group().lower() in _STARTERS  # type: ignore[union-attr]


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without white space around it, in pieces of at most about ``LONGEST`` characters."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > LONGEST:
        middle = max(text.rfind(mark, start + LONGEST // 2, start + LONGEST) for mark in ("; ", "\n"))
        if middle < 0:
            middle = text.rfind(" ", start + LONGEST // 2, start + LONGEST)
        middle = start + LONGEST - 1 if middle < 0 else middle
        yield from _cut(text, start, middle + 1)
        start = middle + 1
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        yield start, end
