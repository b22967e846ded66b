"""Evidence that explains instead of quoting: the assessor's own words about the paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from openbook.corpus.audit.entries import Entry, excerpt, said_yes
from openbook.corpus.audit.findings import Finding
from openbook.evidence.checking import speaks_of_the_paper

_FIRST_PERSON: Final = re.compile(r"\b(?:we|our|ours|us)\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"\"[^\"]{15,}\"|“[^”]{15,}”|(?<!\w)'[^']{20,}'(?!\w)|``[^`']{15,}''")


def explanations(entry: Entry) -> Iterator[Finding]:
    """A finding for each yes that begins by speaking of the paper; low when it quotes as well, medium when it does not."""
    for variable, said in said_yes(entry):
        if not speaks_of_the_paper(said.words):
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
