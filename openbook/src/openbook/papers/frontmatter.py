"""Title and authors, from the first page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from openbook.papers.layout import Layout, Row

_ABSTRACT = re.compile(r"(?:abstract|summary|1\.?\s+introduction|introduction)\b", re.IGNORECASE)
_AFFILIATION = re.compile(
    r"univ|unversit|institut|\bteam\b|campus|\bcity\b|new york|hong kong|project|paristech|mathematic|cedex|drive\b|"
    r"departm|dept\b|school|college|laborator|research|center|centre|academy|faculty|division|"
    r"\binc\b|\bltd\b|\bcorp|google|microsoft|facebook|\bmeta\b|amazon|\bibm\b|deepmind|openai|nvidia|alibaba|tencent|"
    r"huawei|baidu|yahoo|adobe|samsung|\binria\b|\bcnrs\b|\beth\b|\bepfl\b|\bmit\b|\bcmu\b|polytech|\blabs?\b|"
    r"street|avenue|\bUSA\b|\bUK\b|china|germany|france|canada|japan|israel|switzerland|australia|korea|india|"
    r"singapore|netherlands|sweden|italy|spain|finland|denmark|austria|russia|\bCA\b|\bNY\b|\bMA\b|hospital|"
    r"technolog|sciences?\b|engineering|group\b|road\b",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"\{[^}]*\}\s*@?\S*|\S*@\s?\S+|<EMAIL>|https?://\S+", re.IGNORECASE)
_MARKS = re.compile(r"[\d*†‡§¶∗⋆♯♭♠♣♥♦⇤]+(?:,\s?[\d*†‡§¶∗]+)*")
_POSTCODE = re.compile(r"\b\d{5}\b|\b[A-Z]{1,2}\d[\dA-Z]? ?\d[A-Z]{2}\b")
_SEPARATOR = re.compile(r",|;|\band\b|&|·|•|\s{2,}")
_NAME_WORD = re.compile(
    r"[A-ZÀ-ÖØ-ÞĀ-Ž][\w’'´`-]*\.?(?:-[A-Z]\.?)?$|(?:de|van|der|von|la|le|di|da|del|den|dos|el|al|bin|ten|ter)$"
)


@dataclass(slots=True)
class FrontMatter:
    """The title and the authors' names, as far as they could be told apart from affiliations."""

    title: str = ""
    authors: list[str] = field(default_factory=list)


def front_matter(layout: Layout) -> FrontMatter:
    """Title: the largest print of the first page's head; authors: the names between it and the abstract."""
    rows = [row for row in layout.rows if row.page == layout.rows[0].page] if layout.rows else []
    head: list[Row] = []
    for row in rows[:80]:
        if _ABSTRACT.match(row.text.replace(" ", "")) or _ABSTRACT.match(row.text):
            break
        head.append(row)
    if not head or len(head) >= 80:
        head = rows[:25]
    candidates = [row for row in head if sum(c.isalpha() for c in row.text) > 3]
    if not candidates:
        return FrontMatter()
    largest = max(row.size for row in candidates)
    if largest < layout.size + 0.8:
        bold = [row for row in candidates if row.bold]
        first = head.index((bold or candidates)[0])
    else:
        first = next(i for i, row in enumerate(head) if row in candidates and row.size > largest - 0.6)
    last = first + 1
    while last < len(head) and last - first < 5 and abs(head[last].size - head[first].size) < 0.7:
        if largest < layout.size + 0.8 and not head[last].bold:
            break
        last += 1
    title = ""
    for row in head[first:last]:
        title = title + row.text if title.endswith("-") else f"{title} {row.text}".strip()
    return FrontMatter(title, names([row.text for row in head[last:]]))


def names(lines: list[str]) -> list[str]:
    """The names of people in the lines between title and abstract, in order, each once."""
    found: list[str] = []
    for line in lines[:30]:
        if _POSTCODE.search(line):
            continue
        line = _EMAIL.sub(" , ", line)
        line = _MARKS.sub(" , ", line)
        for piece in _SEPARATOR.split(line):
            piece = piece.strip(" .:()[]{}")
            if _AFFILIATION.search(piece):
                break  # the rest of the line is its address
            if _is_name(piece) and piece not in found:
                found.append(piece)
    return found[:100]


def _is_name(piece: str) -> bool:
    words = piece.split()
    if not 2 <= len(words) <= 5 or len(piece) > 45 or piece.isupper():
        return False
    return all(_NAME_WORD.match(word) for word in words) and sum(len(word.strip(".")) > 1 for word in words) >= 1
