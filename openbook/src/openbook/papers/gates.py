"""Gates: whether what was read is a text that anybody can assess. A paper that fails one has a ``problem``."""

from __future__ import annotations

import re
import unicodedata

from openbook.papers.characters import IDEOGRAPHS
from openbook.papers.paper import Paper

SAMPLE = 20_000
"""Characters that are looked at."""
FEWEST_WORDS = 60
"""Less text than this is a file name, a cover sheet or an error page, and no paper."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_COMMON = frozenset(
    (
        "the of and to in is for we that with on as by are this an be or der die und le la les des et el los de en que di il "
        "da do um"
    ).split()
)
_VOWEL = re.compile(r"[aeiouyıæøœə]")

_KINDS = {
    "a preface": r"preface|foreword|editorial|welcome(?: message)?|message from the [\w ]{3,40}|opening remarks",
    "a table of contents": r"(?:table of )?contents|list of (?:papers|articles|contents)",
    "a list of names": (
        r"(?:conference |program(?:me)? |organi[sz]ing |scientific |steering )?(?:committees?|organi[sz]ers|organi[sz]ation)|"
        r"(?:list of )?(?:reviewers|area chairs)|author index|index of authors|index"
    ),
    "a call for papers": r"call for (?:papers|participation)",
}
_OTHER_KINDS = {
    name: re.compile(
        rf"(?:{pattern})(?:\s*[:–—-].{{0,80}}| (?:of|to|for) (?:the|this|volume) .{{0,80}})?\W*", re.IGNORECASE
    )
    for name, pattern in _KINDS.items()
}
_LEADERS = re.compile(r"(?:\.\s?){4,}\s*\d{1,4}\b")
_OWN_PARTS = re.compile(r"(?:\d\.?\s*)?(?:abstract|introduction)\b", re.IGNORECASE)


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
    if _count(words) < FEWEST_WORDS:
        return f"too short: {_count(words)} words of text are not a paper (a paper has at least {FEWEST_WORDS})"
    if _garbled(paper.text, words):
        return "garbled: its characters do not make words (fonts without a character map, or binary data)"
    kind = _other_kind(paper)
    return f"not a paper: it is {kind}; give the paper itself" if kind else None


def _other_kind(paper: Paper) -> str:
    """What this text is, if it is one of the other things that a volume of papers holds; empty for a paper."""
    if any(_OWN_PARTS.match(section.title) for section in paper.sections):
        return ""
    first = [paper.title, *(section.title for section in paper.sections[:2])]
    first += [paper.words(sentence) for sentence in paper.sentences[:2]]
    for name, pattern in _OTHER_KINDS.items():
        if any(len(line) < 100 and pattern.fullmatch(line.strip()) for line in first):
            return name
    if len(_LEADERS.findall(paper.text)) >= max(10, 0.02 * len(paper.text.split())):
        return "a table of contents"
    return ""


def _count(words: list[str]) -> int:
    """How many words there are, where two letters of a script without spaces count as one."""
    return sum(len(word) // 2 if IDEOGRAPHS.match(word) else 1 for word in words)


def _garbled(text: str, words: list[str]) -> bool:
    sample = [_bare(word) for word in words[:800]]
    common = sum(word in _COMMON for word in sample) / len(sample)
    packed = "".join(text[:SAMPLE].split())
    letters = sum(map(str.isalpha, packed))
    if not packed.isascii():  # vowel signs and accents of their own belong to letters
        letters += sum(unicodedata.category(mark)[0] == "M" for mark in packed if mark > "\u02ff")
    share = letters / max(len(packed), 1)
    if sum(word.isascii() for word in sample) / len(sample) < 0.3:
        # Another script: only symbols and scraps of letters are garbage there.
        return share < 0.4
    voiced = sum(bool(_VOWEL.search(word)) for word in sample) / len(sample)
    together = "".join(sample)
    vowels = len(_VOWEL.findall(together)) / max(len(together), 1)
    # Words of any language in Latin letters have vowels, in every word and in a natural number; shifted letters do not.
    pronounced = voiced > 0.94 and 0.32 < vowels < 0.6 and share > 0.6 and len(set(sample)) > 10
    unknown = (common < 0.02 and share < 0.85) or common < 0.005 or (common < 0.08 and voiced < 0.94)
    return (unknown and not pronounced) or voiced < 0.4 or share < 0.3


def _bare(word: str) -> str:
    """A word in lower case without its accents."""
    if word.isascii():
        return word.lower()
    return "".join(part for part in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(part))
