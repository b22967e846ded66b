"""Gates: whether what was read is a text that anybody can assess. A paper that fails one has a ``problem``."""

from __future__ import annotations

import re

from openbook.papers.paper import Paper

SAMPLE = 20_000
"""Characters that are looked at."""
FEWEST_WORDS = 60
"""Less text than this is a file name, a cover sheet or an error page, and no paper."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_COMMON = frozenset(
    [
        "the",
        "of",
        "and",
        "to",
        "in",
        "is",
        "for",
        "we",
        "that",
        "with",
        "on",
        "as",
        "by",
        "are",
        "this",
        "an",
        "be",
        "or",
        "der",
        "die",
        "und",
        "le",
        "la",
        "les",
        "des",
        "et",
        "el",
        "los",
        "de",
        "en",
        "que",
        "di",
        "il",
        "da",
        "do",
        "um",
    ]
)
_VOWEL = re.compile(r"[aeiouyAEIOUYà-üÀ-Ü]")


def problem_of(paper: Paper, *, scanned_pages: int = 0, hidden: int = 0) -> str | None:
    """Why this text cannot be assessed, None if it can. ``scanned_pages``: pages that are one image without text."""
    words = _WORD.findall(paper.text[:SAMPLE])
    pages = len(paper.pages)
    if scanned_pages and len(words) < max(FEWEST_WORDS, min(25 * pages, 400)):
        return f"scanned: {scanned_pages} of {pages} pages are images without text; run text recognition (OCR) first"
    if not words:
        if hidden:
            return f"empty: all of its {hidden} characters are hidden from readers"
        return "empty: there is no text in it"
    if len(words) < FEWEST_WORDS:
        return f"too short: {len(words)} words of text are no paper (a paper has at least {FEWEST_WORDS})"
    if _garbled(paper.text, words):
        return "garbled: its characters do not make words (fonts without a character map, or binary data)"
    return None


def _garbled(text: str, words: list[str]) -> bool:
    sample = words[:800]
    common = sum(word.lower() in _COMMON for word in sample) / len(sample)
    voiced = sum(bool(_VOWEL.search(word)) for word in sample) / len(sample)
    letters = sum(len(word) for word in words) / max(len("".join(text[:SAMPLE].split())), 1)
    ascii_share = sum(word.isascii() for word in sample) / len(sample)
    if ascii_share < 0.3:  # another script: only symbols and scraps of letters are garbage there
        return letters < 0.4
    return (common < 0.02 and letters < 0.85) or common < 0.005 or voiced < 0.4 or letters < 0.3
