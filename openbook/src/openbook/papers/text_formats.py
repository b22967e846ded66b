"""Plain text and Markdown: their headings, paragraphs, lists, tables and reference lists as blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from openbook.papers.blocks import Block, Document
from openbook.papers.characters import PaperWords, clean
from openbook.papers.sections import Outline
from openbook.papers.weblinks import continues_url
from openbook.text import one_line

CAPTION: Final = re.compile(
    r"(?:fig(?:ure|\.)|table|algorithm|listing)\s*\d+\s*[.:|]|algorithm\s+\d+\s+[A-Z]", re.IGNORECASE
)
_PARAGRAPH: Final = re.compile(r"\n[ \t\r]*\n\s*")
_ENTRY: Final = re.compile(r"\[[\w+.-]{1,12}\]\s|\d{1,3}\. +[A-Z]")
_BULLET: Final = re.compile(r"[•▪◦‣●■–]\s|[-*]\s+(?=[A-Z])")
_ENDED: Final = re.compile(r"[.!?:][)\]”’\"']*(?:\[\d+\]|\d{1,2})?$")
_PAGE_NUMBER: Final = re.compile(r"\s*[-–—]?\s*\d{1,4}\s*[-–—]?\s*")
_GOES_ON: Final = re.compile(
    r"(?:[-:,&]|\b(?:a|an|and|by|for|from|in|of|on|or|the|to|using|via|with|sections?|sec\.|figures?|fig\.|tables?))$",
    re.IGNORECASE,
)
_FIRST: Final = re.compile(r"(?:[1I]\.?\s+)?(?:abstract|introduction|summary)\W{0,2}", re.IGNORECASE)
_ALONE: Final = re.compile(
    r"Abstract|ABSTRACT|References|REFERENCES|Bibliography|BIBLIOGRAPHY|Acknowledge?ments|Introduction"
)
_NUMBERED: Final = re.compile(r"[\dA-Z]\d?\.?(?:\d++\.?+)*+\s")  # possessive: a line of 200 digits has 2^200 readings
#: A paper's first lines, title and authors, are at most so many.
_FRONT_LINES: Final = 30


def read_plain(text: str) -> Document:
    """The blocks of a plain text: paragraphs between blank lines, headings and entries on lines of their own.

    Form feeds separate pages. What extraction tools write without blank lines is told apart by its lines.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").replace("\u2028", "\n")
    pages = text.split("\f") if "\f" in text else [text]
    if len(pages) > 1 and not pages[-1].strip():
        pages.pop()
    paged = len(pages) > 1
    if paged:
        pages = _without_margins(pages)
    pieces = [(piece, number) for number, page in enumerate(pages, 1) for piece in _PARAGRAPH.split(page)]
    counts = Counter(one_line(piece) for piece, _ in pieces if len(piece) < 200)
    lines = _LineReader(text)
    blocks: list[Block] = []
    seen: set[str] = set()
    for piece, number in pieces:
        flat = one_line(piece)
        if not flat or flat in seen:
            continue
        if len(flat) < 120 and counts[flat] >= 3:  # a running head: once is enough
            seen.add(flat)
        for block in lines.blocks(piece, first=not blocks):
            if paged:
                block.pages = [(0, number)]
            blocks.append(block)
    title = blocks[0].text if blocks and blocks[0].kind == "text" and len(blocks[0].text) < 250 else ""
    return Document(blocks, title, pages=len(pages) if paged else 0)


def _without_margins(pages: list[str]) -> list[str]:
    """Pages without their numbers, and with running heads only where they stand first."""
    split = [page.strip("\n").split("\n") for page in pages]
    edges = Counter(line.strip() for lines in split for line in {lines[0].strip(), lines[-1].strip()})
    seen: set[str] = set()
    for lines in split:
        for place in (-1, 0):
            line = lines[place].strip() if lines else ""
            repeated = edges[line] >= 3 and 0 < len(line) < 120
            if len(lines) > 1 and line and (_PAGE_NUMBER.fullmatch(line) or (repeated and line in seen)):
                del lines[place]
            elif repeated:
                seen.add(line)
    return ["\n".join(lines) for lines in split]


class _LineReader:
    """Takes pieces of a text apart into blocks, line by line where a piece has several."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._vocabulary: PaperWords | None = None
        self._outline = Outline()
        lengths = sorted(len(line) for line in text.split("\n") if line.strip())
        #: The length of a full line, in characters.
        self._full = lengths[int(0.9 * (len(lengths) - 1))] if lengths else 0

    def blocks(self, piece: str, *, first: bool) -> Iterator[Block]:
        """The blocks of what stands between two blank lines; ``first`` is where title and authors may be."""
        pairs = [(line, clean(one_line(line))) for line in piece.expandtabs().split("\n")]
        lines = [line for line, body in pairs if body]
        bodies = [body for _, body in pairs if body]
        if len(lines) == 1:
            yield self._block(bodies)
            return
        front = self._front(bodies) if first else 0
        gathered: list[str] = []
        place = 0
        while place < len(lines):
            body, before = bodies[place], bodies[place - 1] if place else ""
            taken = self._heading(bodies, place) if place >= front else 0
            if gathered and (
                taken
                or (place < front and not (_GOES_ON.search(before) or body[:1].islower()))
                or place == front > 0
                or self._begins(lines[place], lines[place - 1], body, before)
            ):
                yield self._block(gathered)
                gathered = []
            if taken:
                yield self._block([" ".join(bodies[place : place + taken])])
            else:
                gathered.append(body)
            place += taken or 1
        if gathered:
            yield self._block(gathered)

    def _front(self, bodies: list[str]) -> int:
        """How many of the first lines stand before the abstract or the introduction, if that comes soon."""
        return next((place for place, body in enumerate(bodies[:_FRONT_LINES]) if place and _FIRST.fullmatch(body)), 0)

    def _heading(self, bodies: list[str], place: int) -> int:
        """How many lines from this one are a heading: 0 if it is none, two if its title is broken."""
        body, after = bodies[place], bodies[place + 1] if place + 1 < len(bodies) else ""
        if _ALONE.fullmatch(body) and not after[:1].islower() and self._outline.is_heading(body):
            return 1
        broken = _GOES_ON.search(body) or (body.isupper() and after.isupper())
        if broken and after and len(after) < 0.75 * self._full and not _NUMBERED.match(after):
            whole = f"{body} {after}"
            if self._stands_apart([*bodies[:place], whole, *bodies[place + 2 :]], place) and self._outline.is_heading(
                whole
            ):
                return 2
        return int(self._stands_apart(bodies, place) and self._outline.is_heading(body))

    def _stands_apart(self, bodies: list[str], place: int) -> bool:
        """Whether the lines around one may be another paragraph's: the one above ended, the one below begins."""
        before = bodies[place - 1] if place else ""
        after = bodies[place + 1] if place + 1 < len(bodies) else ""
        short = len(before) < 0.75 * self._full and not _GOES_ON.search(before)
        ended = not before or _ENDED.search(before) or short or self._outline.part == "references"
        goes_on = _GOES_ON.search(bodies[place]) or (after and (after[0].islower() or after[0] in ",;)"))
        return bool(ended) and not goes_on

    def _begins(self, line: str, previous: str, body: str, before: str) -> bool:
        """Whether a line begins a paragraph, an entry or a list's item of its own."""
        if self._outline.part == "references":
            if _ENTRY.match(body):
                return True
            indent = _indent(line) - _indent(previous)
            hanging = indent < 0 or (indent == 0 and _indent(line) == 0 and len(before) < 0.7 * self._full)
            return hanging and before.endswith((".", ")")) and body[0].isupper()
        if CAPTION.match(body) or _BULLET.match(body):
            return bool(_ENDED.search(before)) or len(before) < 0.75 * self._full
        if not _ENDED.search(before) or not (body[0].isupper() or body[0] in '([“"'):
            return False
        return len(before) < 0.75 * self._full or _indent(line) > _indent(previous) + 1

    def _block(self, bodies: list[str]) -> Block:
        """One block; a heading moves the outline on."""
        text = self._joined(bodies)
        if self._outline.is_heading(text):
            self._outline.enter(text)
            return Block(text, "heading")
        if CAPTION.match(text):
            return Block(text, "caption")
        return Block(text, entry=self._outline.part == "references" and len(text) < 600)

    def _joined(self, bodies: Iterable[str]) -> str:
        """Lines as one, with words and addresses whole that a line's end broke."""
        text = ""
        for body in bodies:
            body = one_line(body)
            if not text:
                text = body
            elif len(_last(text)) > 200:
                text = f"{text} {body}"
            elif (
                text[-1] in "-\u00ad\u2010"
                and text[-2:-1].isalpha()
                and body[:1].islower()
                and "://" not in _last(text)
            ):
                self._vocabulary = self._vocabulary or PaperWords(_unbroken(self._text))
                text = self._vocabulary.join(text[:-1], body)
            elif continues_url(text, body):
                text += body
            else:
                text = f"{text} {body}"
        return text


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _last(text: str) -> str:
    """The last word of a text."""
    return text[text.rfind(" ") + 1 :]


def _unbroken(text: str) -> Iterator[str]:
    """The words of a text without the halves of words that a line's end broke."""
    yield re.sub(r"[^\W\d_]+[-\u00ad\u2010]\s*\n\s*\S+", " ", text)


_FRONT: Final = re.compile(r"\A---\s*\n(.*?)\n(?:---|\.\.\.)\s*\n", re.DOTALL)
_FRONT_TITLE: Final = re.compile(r"^title\s*:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE | re.IGNORECASE)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_ATTRIBUTES: Final = re.compile(r"\s*\{[#.][^{}]*\}\s*$")
#: Footnotes of Pandoc and GitHub, which CommonMark does not know; a note's text is marked on its way through the parser.
_NOTE_TEXT: Final = re.compile(r"^[ ]{0,3}\[\^[^\]\s]{1,60}\]:[ \t]*", re.MULTILINE)
_NOTE_CALL: Final = re.compile(r"\[\^[^\]\s]{1,60}\](?!:)")
_NOTE: Final = "⁂⁂ "


def read_markdown(text: str) -> Document:
    """The blocks of a Markdown document (CommonMark with tables)."""
    from openbook.papers.html import read_html

    title = ""
    front = _FRONT.match(text)
    if front:
        named = _FRONT_TITLE.search(front.group(1))
        title = named.group(1) if named else ""
        text = text[front.end() :]
    last = text.rfind("-->") + 3  # no comment ends behind it, and looking for the end of each would take quadratic time
    text = _COMMENT.sub("", text[:last]) + text[last:]
    text = _NOTE_CALL.sub("", _NOTE_TEXT.sub("\n" + _NOTE, text))
    parser = MarkdownIt("commonmark", {"maxNesting": 60}).enable("table")
    blocks: list[Block] = []
    level = 0
    row: list[Block] | None = None
    for token in parser.parse(text):
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "heading_close":
            level = 0
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            blocks.extend(_row(row or []))
            row = None
        elif token.type == "inline":
            block = _inline(token)
            if not block.text:
                continue
            if row is not None:
                row.append(block)
                continue
            if level:
                block = Block(_ATTRIBUTES.sub("", block.text), "heading", level, marked=True)
            elif block.text.startswith(_NOTE):
                shift = len(_NOTE)
                block = Block(
                    block.text[shift:], "footnote", links=[(s - shift, e - shift, u) for s, e, u in block.links]
                )
            elif CAPTION.match(block.text):
                block.kind = "caption"
            blocks.append(block)
        elif token.type in ("fence", "code_block"):
            code = one_line(token.content)
            if code:
                blocks.append(Block(clean(code)))
        elif token.type == "html_block":
            blocks.extend(read_html(token.content).blocks)
    if not title:
        title = next((block.text for block in blocks if block.kind == "heading"), "")
    if blocks and blocks[0].kind == "heading" and blocks[0].text == title and blocks[0].level == 1:
        blocks[0] = Block(title)  # the paper's title is no section
    return Document(blocks, title)


def _row(cells: list[Block]) -> list[Block]:
    """The cells of a table's row as one block."""
    text = ""
    links: list[tuple[int, int, str]] = []
    for cell in cells:
        start = len(text) + 1 if text else 0
        links.extend((first + start, last + start, url) for first, last, url in cell.links)
        text = f"{text} {cell.text}" if text else cell.text
    return [Block(text, links=links)] if text else []


def _inline(token: Token) -> Block:
    text = ""
    links: list[tuple[int, int, str]] = []
    opened: list[tuple[int, str]] = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            text += child.content
        elif child.type in ("softbreak", "hardbreak") or (child.type == "html_inline" and child.content[:3] == "<br"):
            text += " "
        elif child.type == "image":
            text += child.content
        elif child.type == "link_open":
            opened.append((len(text), str(child.attrGet("href") or "")))
        elif child.type == "link_close" and opened:
            start, url = opened.pop()
            if url.startswith("//"):
                url = "https:" + url
            if url.startswith(("http://", "https://", "ftp://")) and len(text) > start:
                links.append((start, len(text), url))
    cleaned = clean(text)
    if cleaned != text:  # offsets moved: find the anchors again
        moved = []
        for start, end, url in links:
            anchor = clean(text[start:end])
            at = cleaned.find(anchor, max(0, start - (len(text) - len(cleaned)) - 2))
            if anchor and at >= 0:
                moved.append((at, at + len(anchor), url))
        links = moved
    return Block(cleaned, links=links)
