"""Answers that quote the authors' reproducibility checklist, which says what the paper should hold, not what it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from openbook.corpus.audit.entries import Entry, excerpt, said_yes
from openbook.corpus.audit.findings import Finding, Severity

_QUESTION: Final = (
    r"\bdid you (?:include|specify|report|describe|state|discuss|cite|mention|use|read|provide|release)\b|"
    r"\bquestion\s*:\s*(?:do|does|is|are|if|for|did|have)\b"
)
_MARK: Final = r"(?-i:\[\s?(?:Yes|YES|No|NO|N/?A|TODO)\s?\])|\b(?:justification|guidelines)\s*:|\banswer\s*:\s*\[?\s?(?:yes|no|n/?a)\b"
_CHECKLIST: Final = re.compile(f"{_QUESTION}|{_MARK}", re.IGNORECASE)
#: One of these stands in every match; looking for them is a hundred times faster.
_SIGNS: Final = ("id you ", "[", "uestion", "ustification", "uidelines", "nswer")
_FURNITURE: Final = re.compile(
    f"(?:{_QUESTION})[^?]*\\??|{_MARK}|\\bquestion\\s*:|\\([a-z]\\)|^\\s*\\d+\\.", re.IGNORECASE
)
#: Words that are left beside the checklist's own before an answer is held to quote the paper as well.
_OWN_WORDS: Final = 25


def checklists(entry: Entry) -> Iterator[Finding]:
    """A finding for each yes that quotes the checklist: medium when there is little else, low when there is more."""
    for variable, said in said_yes(entry):
        if not any(sign in said.words for sign in _SIGNS):
            continue
        match = _CHECKLIST.search(said.words)
        if match is None:
            continue
        rest = len(_FURNITURE.sub(" ", said.words).split())
        severity: Severity = "medium" if rest < _OWN_WORDS else "low"
        why = "the evidence is the authors' checklist" + ("" if severity == "medium" else ", beside other text")
        yield Finding(entry.id, "checklist", severity, variable, excerpt(said.words, *match.span()), why)
