"""Blocks: what every reader produces, and how they become a ``Paper``: one text, with spans over it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from openbook.papers.paper import Link, Page, Paper, Section, Sentence, SentenceKind, TextRun
from openbook.papers.sections import Outline
from openbook.papers.sentences import split_sentences

_REST = re.compile(r"[^\s<>⟨⟩\"“”{}|\\^`]{1,2000}")
_SCHEME = re.compile(r"(?:https?|ftp)$")
_HOST = re.compile(r"[\w.-]*$")
_SITES = (
    *(
        "github.com/",
        "github.io/",
        "gitlab.com/",
        "bitbucket.org/",
        "huggingface.co/",
        "zenodo.org/",
        "sourceforge.net/",
    ),
    *(
        "code.google.com/",
        "figshare.com/",
        "kaggle.com/",
        "osf.io/",
        "anonymous.4open.science/",
        "dl.acm.org/",
        "doi.org/",
    ),
)
"""Sites whose addresses papers print without ``https://``."""
_FUSED = re.compile(
    r"(?<=[\w/)])[.,;](?=(?:https?://|The\b|This\b|We\b|Our\b|In\b|All\b|It\b|For\b)|$)|(?<=\w)(?=https?://)"
)
_TRAILING = ".,;:!?'’”)]}>*"


@dataclass(slots=True)
class Block:
    """A paragraph, heading, caption or footnote. ``pages``: (offset in ``text``, page number), the first at offset 0.

    ``marked``: the source itself says that this is a heading (markup, typography). ``links``: (start, end, address) in
    ``text``. ``entry``: one whole entry of a list (a reference), never split further.
    """

    text: str
    kind: SentenceKind = "text"
    level: int = 0
    pages: list[tuple[int, int]] = field(default_factory=list)
    links: list[tuple[int, int, str]] = field(default_factory=list)
    marked: bool = False
    entry: bool = False
    runs: list[TextRun] = field(default_factory=list)
    """Where its text stands in a PDF; their spans are in ``text``."""


@dataclass(slots=True)
class Document:
    """What a reader understood of a file: blocks in reading order, title, authors, and the number of pages (0: none)."""

    blocks: list[Block] = field(default_factory=list)
    title: str = ""
    authors: list[str] = field(default_factory=list)
    pages: int = 0


class Unreadable(Exception):
    """This content cannot be read; the message is the reason, for ``Paper.problem``."""


def build(
    blocks: Iterable[Block],
    *,
    source: str,
    format: str,
    sha256: str,
    title: str = "",
    authors: list[str] | None = None,
    page_count: int = 0,
    loose_links: Iterable[Link] = (),
) -> Paper:
    """Lay the blocks out as one text, two newlines between them, and find sections, sentences, pages and links in it.

    ``page_count`` is the number of pages of the source (0 if it has none): every page gets a span, empty if need be.
    """
    paper = Paper(text="", source=source, format=format, sha256=sha256, title=title, authors=authors or [])
    outline = Outline()
    pieces: list[str] = []
    marks: list[tuple[int, int]] = []
    heads: list[tuple[int, str, str, int]] = []
    spans: list[tuple[int, Block]] = []
    position = 0
    for block in blocks:
        text = block.text
        if not text.strip():
            continue
        for offset, number in block.pages:
            if not marks or number > marks[-1][0]:
                marks.append((number, position + offset))
        if block.kind == "heading":
            level, part = outline.enter(text)
            heads.append((position, text, part, block.level or level))
        spans.append((position, block))
        paper.links.extend(Link(url, None, position + start, position + end) for start, end, url in block.links)
        for run in block.runs:
            run.start, run.end = run.start + position, run.end + position
        paper.runs.extend(block.runs)
        pieces.append(text)
        position += len(text) + 2
    paper.text = "\n\n".join(pieces)
    length = len(paper.text)
    if page_count:
        paper.pages = _pages(marks, page_count, length)
    paper.sections = _sections(heads, length)
    _sentences(paper, spans)
    _links(paper, loose_links)
    return paper


def _pages(marks: list[tuple[int, int]], count: int, length: int) -> list[Page]:
    starts = dict(marks)
    pages: list[Page] = []
    following = length
    for number in range(count, 0, -1):
        start = 0 if number == 1 else starts.get(number, following)
        pages.append(Page(number, start, following))
        following = start
    return pages[::-1]


def _sections(heads: list[tuple[int, str, str, int]], length: int) -> list[Section]:
    sections = []
    if (heads and heads[0][0] > 0) or not heads:
        heads = [(0, "", "body", 1), *heads]
    for index, (start, title, part, level) in enumerate(heads):
        end = heads[index + 1][0] if index + 1 < len(heads) else length
        sections.append(Section(title, part, level, start, end))  # type: ignore[arg-type]
    return sections


def _sentences(paper: Paper, spans: list[tuple[int, Block]]) -> None:
    section, text, paged = 0, paper.text, bool(paper.pages)
    for start, block in spans:
        while section + 1 < len(paper.sections) and paper.sections[section + 1].start <= start:
            section += 1
        end = start + len(block.text)
        whole = block.kind == "heading" or block.entry
        for first, last in [(start, end)] if whole else split_sentences(text, start, end):
            paper.sentences.append(Sentence(first, last, paper.page_at(first) if paged else None, section, block.kind))


def trim_url(url: str) -> str:
    """The address without the punctuation, the next sentence or the next address that stands right after it."""
    fused = _FUSED.search(url, 8)
    url = url[: fused.start()] if fused else url
    while url and url[-1] in _TRAILING:
        if url[-1] == ")" and url.count("(") >= url.count(")"):
            break
        url = url[:-1]
    return url


def _address_start(text: str, at: int, mark: str) -> int:
    """Where the address with this mark at ``at`` begins; -1 if it is none."""
    before = text[max(0, at - 60) : at]
    if mark == "://":
        scheme = _SCHEME.search(before[-5:])
        return at - len(scheme.group()) if scheme else -1
    host = _HOST.search(before)
    length = len(host.group()) if host else 0
    lead = text[at - length - 1 : at - length]
    if lead in ("@", "/", ":") or (mark == "www." and length):
        return -1
    return at - length


def _links(paper: Paper, loose: Iterable[Link]) -> None:
    """Add addresses that stand in the text and are no link yet, then links without an anchor; give each its page."""
    taken = [(link.start or 0, link.end or 0) for link in paper.links if link.start is not None]
    found: list[Link] = []
    text, lowered = paper.text, paper.text.lower()
    if len(lowered) != len(text):  # a letter whose small form is longer: offsets would not agree
        lowered = text
    for mark in ("://", "www.", *_SITES):
        at = lowered.find(mark)
        while at >= 0:
            start = _address_start(lowered, at, mark)
            rest = _REST.match(text, at)
            url = trim_url(text[start : rest.end()]) if rest and start >= 0 else ""
            end = start + len(url)
            host = url.partition("://")[2].partition("/")[0] if mark == "://" else url
            if (
                "." in host
                and len(url) > max(8, at - start + len(mark))
                and not any(s < end and start < e for s, e in taken)
            ):
                taken.append((start, end))
                found.append(Link(url if "://" in url else "https://" + url, None, start, end))
            at = lowered.find(mark, at + len(mark))
    placed = [*paper.links, *found]
    placed.sort(key=lambda link: (link.start or 0, link.end or 0))
    known = {link.url for link in placed}
    paper.links = [Link(link.url, paper.page_at(link.start or 0), link.start, link.end) for link in placed] + [
        link for link in loose if link.url not in known
    ]
