"""Links that text extraction broke: a space inside ``AsyncDiff`` or after ``github.com/``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from openbook.corpus.audit.entries import Entry, excerpt
from openbook.corpus.audit.findings import Finding, Severity
from openbook.variables import SCORED

_HOST: Final = r"(?:https?://|www\.)(?:www\.)?[\w-]+(?:\.[\w-]+)+"
_FORGE: Final = r"(?:(?:https?://)?(?:www\.)?(?:github|gitlab|bitbucket)\.(?:com|org))"

_RULES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(
            r"\bhttps?\s+:\s*//|\bhttps?:\s+//|\bhttps?:/\s+/|\bhttps?://\s+(?=[\w-]+\s?\.\s?[\w-])", re.IGNORECASE
        ),
        "a space within or after http://",
    ),
    (
        re.compile(
            r"\b(?:https?://|www\.)\s?(?:Git|git|Bit|bit|Hugging|hugging)\s(?:Hub|hub|Lab|lab|Bucket|bucket|Face|face)\s?\.\s?\w+|"
            r"\b(?:https?://|www\.)(?:www\.)?(?:github|gitlab|bitbucket)(?:\s\.\s?|\.\s)(?:com|org)\b",
            re.IGNORECASE,
        ),
        "a space within the name of the host",
    ),
    (
        re.compile(
            rf"{_FORGE}/(?:[\w.-]+/)?\s(?!and\b|or\b|for\b|which\b|\d?https?:)[\w-]+(?:/[\w.-]+)?(?=[\s.,;)\]'\"]|$)"
        ),
        "a space after a slash",
    ),
    (
        # The splitter cuts between a small and a capital letter; the rest of the name still has its slash.
        re.compile(rf"{_FORGE}/(?:[\w.-]+/)?[\w.-]*[A-Za-z0-9-]\s[A-Z][\w.-]*/[\w.-]+"),
        "a space within a name of its path",
    ),
    (
        # ... or the name is followed by what ends a sentence, so that its next word cannot begin one.
        re.compile(
            rf"(?:{_FORGE}/[\w.-]+/|{_HOST}/(?:[\w~.%-]+/)*)[\w.-]*(?:[a-z]|\b[A-Z])\s[A-Z][A-Za-z0-9_-]*"
            r"(?:\s[A-Z][A-Za-z0-9_-]*){0,3}(?:\.git)?(?=[.,;:)\]'\"]*\s*$|[.,;)\]'\"]+(?:\s|$)|\s(?:for|for\scode|to)\b)"
        ),
        "a space within the last name of its path",
    ),
)
#: Words that begin a sentence after a link which simply lacks its full stop.
_BEGINS_A_SENTENCE: Final = frozenset(
    [
        "The",
        "This",
        "That",
        "These",
        "Those",
        "Our",
        "We",
        "It",
        "In",
        "To",
        "For",
        "A",
        "An",
        "All",
        "Code",
        "Codes",
        "Data",
        "See",
        "And",
        "Also",
        "Project",
        "Section",
        "Appendix",
        "Table",
        "Figure",
        "Model",
        "Models",
        "Here",
        "Please",
        "Note",
        "Source",
        "Python",
        "Git",
        "GitHub",
        "Github",
        "Supplementary",
        "Checklist",
        "Abstract",
        "Reproducibility",
        "Introduction",
        "Correspondence",
        "Equal",
        "Dataset",
        "Datasets",
        "Implementation",
        "Available",
        "Footnote",
        "Ref",
        "Acknowledgements",
    ]
)


def damaged_urls(entry: Entry) -> Iterator[Finding]:
    """A finding for each answer with a damaged link, the first that is found, and in what way it is damaged.

    Low where only ``http://`` is torn, which any reader mends; medium where the link as given leads elsewhere.
    """
    for variable in SCORED:
        said = entry.answers.get(variable)
        if said is None or not ("http" in said.words or "www." in said.words or "git" in said.words):
            continue
        for pattern, why in _RULES:
            match = next((one for one in pattern.finditer(said.words) if not _ends_before(one.group(0))), None)
            if match:
                severity: Severity = "low" if pattern is _RULES[0][0] else "medium"
                link = excerpt(said.words, match.start(), min(len(said.words), match.end() + 40), 0)
                yield Finding(entry.id, "damaged_url", severity, variable, link, why)
                break


def _ends_before(link: str) -> bool:
    """Whether what follows the space begins a sentence, so that the link ended there whole."""
    following = link.split()[1:]
    return bool(following) and following[0].strip(".,;:)]'\"") in _BEGINS_A_SENTENCE and link.rstrip()[-1:] != "/"
