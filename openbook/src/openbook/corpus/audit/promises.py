"""Code counted as open that its own evidence only promises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from openbook.corpus.audit.entries import Entry, excerpt, said_yes
from openbook.corpus.audit.findings import Finding

_CONDITION: Final = (
    r"\b(?:up)?on\s+(?:the\s+)?(?:paper\W?s?\s+)?(?:acceptance|publication)\b|\b(?:after|once|if|when)\s+(?:the\s+|this\s+)?"
    r"(?:paper|work|manuscript|article)?\s*(?:is|gets|has\s+been|be)?\s*(?:accepted|published|publication|acceptance)\b|"
    r"\bafter\s+(?:the\s+)?(?:\w+\s+)?(?:review|anonymity)\b"
)
_FUTURE: Final = (
    r"\b(?:will|shall)\s+(?:\w+\s+){0,3}?(?:be\s+(?:\w+\s+){0,3}?(?:available|accessible|released|shared|published|provided|public|"
    r"open\W?sourced)|(?:open\W?source|release|share|publish|provide|open|make))\b|\bto\s+be\s+released\b|\bcoming\s+soon\b|"
    r"\b(?:plan|intend|aim|promise|commit\w*|going)\s+to\s+(?:\w+\s+){0,2}?(?:release|share|publish|open\W?sourc\w+|make)\b"
)
_CONDITIONAL: Final = re.compile(_CONDITION, re.IGNORECASE)
_PROMISE: Final = re.compile(f"{_CONDITION}|{_FUTURE}", re.IGNORECASE)
#: Words of code that is there now: a link, a supplement, a release that has happened.
_AT_HAND: Final = re.compile(
    r"https?:|www\.|git\s?(?:hub|lab|ee)|bitbucket|zenodo|figshare|osf\.io|anonymous|suppl[ei]|append|attach|enclos|"
    r"\.(?:com|org|io|zip)\b|footnote|\burl\b|\blinks?\b|website|webpage|project\s+page|homepage|"
    r"\b(?:is|are|was|were|been|has|have|now|already|currently)\s+(?:\w+\s+){0,2}?(?:publicly\s+|freely\s+|openly\s+)?"
    r"(?:available|accessible|released|provided|included|shared|uploaded|submitted|open\W?sourced|public)\b|"
    r"\bwe\s+(?:also\s+)?(?:provide|release|include|submit|share|publish|open\W?source|have|upload|present|attach|give|make)\w*\b|"
    r"\[yes\]|\breleasing\b|\bsubmitted\b|\bincluded\b|\bpip\s+install\b|\btoolbox\b",
    re.IGNORECASE,
)


def promised_code(entry: Entry) -> Iterator[Finding]:
    """At most one finding. A promise beside a link or a supplement is no finding, unless it waits for acceptance."""
    for variable, said in said_yes(entry):
        if variable != "open_source_code":
            continue
        promise = _PROMISE.search(said.words)
        if promise is None:
            return
        rest = said.words[: promise.start()] + " … " + said.words[promise.end() :]
        at_hand = _AT_HAND.search(rest)
        if at_hand is None:
            why = "the evidence promises code for later and points to none that is there now"
            yield Finding(entry.id, "promised_code", "high", variable, excerpt(said.words, *promise.span()), why)
        return
