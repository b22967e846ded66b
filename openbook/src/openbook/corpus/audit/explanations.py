"""Evidence that explains instead of quoting: the assessor's own words about the paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from openbook.corpus.audit.entries import Entry, excerpt, said_yes
from openbook.corpus.audit.findings import Finding

#: How an assessor speaks of a paper and the paper never of itself: "the paper", with a verb of reporting.
_ABOUT: Final = re.compile(
    r"^\W*(?:yes\W+)?the\s+(?:provided\s+)?(?:paper|authors?|text|manuscript|article|document)\s+"
    r"(?:also\s+|explicitly\s+|clearly\s+|specifically\s+|further\s+)*"
    r"(?:provides?|specif(?:y|ies)|describes?|details|includes?|mentions?|states?|discusses|explicitly|contains?|presents?|"
    r"lists?|references?|refers?|gives?|indicates?|reports?|uses|utilizes|employs?|introduces|outlines?|evaluates?|notes?)\b",
    re.IGNORECASE,
)
_FIRST_PERSON: Final = re.compile(r"\b(?:we|our|ours|us)\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"\"[^\"]{15,}\"|“[^”]{15,}”|(?<!\w)'[^']{20,}'(?!\w)|``[^`']{15,}''")


def explanations(entry: Entry) -> Iterator[Finding]:
    """A finding for each yes that begins by speaking of the paper; low when it quotes as well, medium when it does not."""
    for variable, said in said_yes(entry):
        if _ABOUT.match(said.words) is None:
            continue
        # A paper that speaks of itself in the third person goes on to say "we" or "our"; an assessor only when it quotes.
        own, quotes = _QUOTED.subn(" ", said.words)
        if _FIRST_PERSON.search(own):
            continue
        quoted = quotes > 0
        why = "the evidence is the assessor's own words" + (" around a quote" if quoted else " and quotes nothing")
        yield Finding(
            entry.id, "not_a_quote", "low" if quoted else "medium", variable, excerpt(said.words, 0, 200, 0), why
        )
