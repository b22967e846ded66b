"""Taking a response apart into the quotes it is made of, coarse cuts first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from openbook.papers.sentences import split_sentences

_QUOTES: Final = "\"'“”‘’„«»`"
_ELLIPSIS: Final = re.compile(r"\s*\[?\s*(?:(?:\.\s?){3,}|…)\s*\]?\s*")
_LABEL: Final = re.compile(r"[,;.]?\s+(?=(?:Algorithm|Figure|Table|Listing|Procedure)\s+\d)")
_INNER_QUOTES: Final = re.compile(r"[\"”]\s*(?:,|;|and|,\s*and)?\s*[\"“]")
_NOTE: Final = re.compile(r"\s*\((?:see )?(?:Sections?|Sec\.|[Pp]ages?|p\.|Appendix|[Ff]ootnote)\b[^()]*\)\.?$")


def trim(quote: str) -> str:
    """A quote without the quotation marks and spaces around it."""
    quote = quote.strip()
    while len(quote) > 1 and quote[0] in _QUOTES:
        if quote[-1] not in _QUOTES and any(mark in quote[1:] for mark in _QUOTES):
            break
        quote = quote[1:].lstrip()
        if quote and quote[-1] in _QUOTES:
            quote = quote[:-1].rstrip()
    return quote


def at_lines(quote: str) -> list[str]:
    """The lines of a quote."""
    return _trimmed(quote.splitlines())


def at_sentences(quote: str) -> list[str]:
    """The sentences of a quote."""
    return _trimmed(quote[start:end] for start, end in split_sentences(quote))


def at_ellipses(quote: str) -> list[str]:
    """The pieces that ellipses (``...``, ``[...]``, ``…``) join."""
    return _trimmed(_ELLIPSIS.split(quote))


def at_marks(quote: str) -> list[str]:
    """The pieces between quotation marks that end and begin again, and between semicolons."""
    return _trimmed(part for stretch in _INNER_QUOTES.split(quote) for part in stretch.split(";"))


def at_labels(quote: str) -> list[str]:
    """The pieces of a list of labels, ``Algorithm 1 A, Algorithm 2 B``; prose that mentions a label stays whole."""
    pieces = _LABEL.split(quote)
    return _trimmed(pieces) if _LABEL.match(" " + pieces[0]) else [quote]


def without_notes(quote: str) -> list[str]:
    """The quote without a reader's own note of where it stands, ``(Section 6, page 2)``; empty if it is only that."""
    return _trimmed([_NOTE.sub("", quote)])


def at_colons(quote: str) -> list[str]:
    """The pieces before and after colons."""
    return _trimmed(re.split(r":\s+", quote))


#: Ways to cut a quote that was not found, in the order in which they are tried.
CUTS: Final[tuple[Callable[[str], list[str]], ...]] = (
    at_lines,
    at_sentences,
    at_ellipses,
    at_marks,
    at_labels,
    without_notes,
    at_colons,
)


def _trimmed(pieces: Iterable[str]) -> list[str]:
    return [piece for piece in (trim(part) for part in pieces) if piece]
