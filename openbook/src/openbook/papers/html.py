"""HTML: what a reader of the page would see, as blocks. Scripts, menus and hidden text are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from openbook.papers.blocks import Block, Document
from openbook.papers.characters import clean
from openbook.papers.html_visibility import drop_invisible
from openbook.papers.paper import SentenceKind
from openbook.text import one_line

_DROPPED: Final = (
    "script, template, noscript, nav, iframe, object, svg, canvas, button, select, textarea, input, datalist, head > meta, "
    "annotation, dialog:not([open]), [hidden], [role=navigation]"
)
#: Marks that call a footnote or lead back from one.
_NOTE_MARKS: Final = (
    ".ltx_note_mark, .ltx_tag_note, .ltx_note_type, sup.footnote-ref, a.footnote-ref, .footnote-back, .footnote-backref, "
    ".reversefootnote, [role=doc-noteref], [role=doc-backlink], label.margin-toggle"
)
_NOTE_LINKS: Final = "sup a[href^='#fn'], sup a[href^='#footnote'], sup a[href^='#note'], a[href^='#fnref']"
#: A raised number that calls notes, and how the words before it end; "10^3", "m^2" and "x^2" are none.
_NOTE_NUMBER: Final = re.compile(r"\[?\d{1,2}(?:\s*[,–-]\s*\d{1,2})*\]?|[*†‡§¶]")
_BEFORE_NOTE: Final = re.compile(r"[a-z]{3}s?[.,;:!?)”\"]?$|[.,;:!?”\"]$")
_NOTE_CLASSES: Final = frozenset(
    "ltx_note footnote footnotes sidenote marginnote endnote endnotes footnote-text".split()
)
_BLOCKS: Final = frozenset(
    (
        "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 "
        "h4 h5 h6 header hr html legend li main ol p pre section summary table tr ul caption"
    ).split()
)
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
DEEPEST: Final = 400


@dataclass(slots=True)
class _Open:
    """A block that is being gathered. ``owner`` is the element it comes from, ``cell`` the last table cell."""

    owner: int
    kind: SentenceKind
    level: int
    cell: int = 0
    pieces: list[str] = field(default_factory=list)
    links: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, text: str, href: str, cell: int) -> None:
        """Add a text, and the link it is in; another cell stands apart."""
        if cell != self.cell and self.pieces:
            self.pieces.append(" ")
        self.cell = cell
        if href:
            start = sum(map(len, self.pieces))
            self.links.append((start, start + len(text), href))
        self.pieces.append(text)


def read_html(markup: str) -> Document:
    """The blocks of an HTML page. Any text is accepted, as browsers accept it."""
    tree = LexborHTMLParser(markup)
    title, authors = _head(tree)
    unseen = drop_invisible(tree)
    _remove(tree.css("style"))
    _remove(tree.css(_DROPPED))
    _remove(tree.css(_NOTE_MARKS))
    for mark in tree.css("sup"):
        if _calls_a_note(mark):
            mark.decompose()
    for link in tree.css(_NOTE_LINKS):
        if len((link.text() or "").strip()) <= 3:
            mark = link.parent if link.parent is not None and link.parent.tag == "sup" else link
            mark.decompose()
    body = tree.body
    blocks = list(_blocks(body, unseen)) if body is not None else []
    if not title:
        title = next((block.text for block in blocks if block.kind == "heading"), "")
    for index, block in enumerate(blocks[:5]):
        if block.kind == "heading" and block.text == title:
            blocks[index] = Block(block.text)  # the paper's title is no section
    return Document(blocks, title, authors)


def _calls_a_note(mark: LexborNode) -> bool:
    """Whether a raised number stands where a note or a reference is called: after a word or the end of a sentence."""
    if not _NOTE_NUMBER.fullmatch((mark.text() or "").strip()):
        return False
    before = mark.prev
    return before is not None and before.tag == "-text" and bool(_BEFORE_NOTE.search(before.text_content or ""))


def _head(tree: LexborHTMLParser) -> tuple[str, list[str]]:
    metas: dict[str, list[str]] = {}
    for node in tree.css("meta")[:2000]:
        name = (node.attributes.get("name") or node.attributes.get("property") or "").lower()
        content = node.attributes.get("content")
        if name and content:
            metas.setdefault(name, []).append(clean(content))
    title = next(iter(metas.get("citation_title", [])), "")
    authors = metas.get("citation_author", [])
    if not title:
        shown = tree.css_first("h1.ltx_title_document") or tree.css_first("h1")
        title = clean(" ".join(shown.text().split())) if shown is not None else ""
    if not title and (named := tree.css_first("title")) is not None:
        title = clean(" ".join(named.text().split()))
    if not authors:
        names = [
            clean(node.text(separator="\n").split("\n")[0]) for node in tree.css(".ltx_personname, [rel=author]")[:100]
        ]
        authors = [name for name in names if 3 < len(name) < 60]
    return title[:500], authors


def _remove(nodes: list[LexborNode]) -> None:
    for node in nodes:
        node.decompose()


def _blocks(body: LexborNode, unseen: set[int]) -> Iterator[Block]:
    """Blocks in reading order; a note comes after the paragraph that it stands in."""
    current: _Open | None = None
    notes: list[_Open] = []
    skipped: set[int] = set()
    for node in body.traverse(include_text=True):
        tag = node.tag
        if tag == "math":
            skipped.update(child.mem_id for child in node.traverse(include_text=True))
            text: str | None = node.attributes.get("alttext") or node.text(separator=" ")
        elif tag == "br":
            text = " "
        elif tag == "-text" and node.mem_id not in skipped:
            text = node.text_content
        else:
            continue
        if not text or (node.parent is not None and node.parent.mem_id in unseen):
            continue
        owner, kind, level, href, cell = _surroundings(node)
        if kind == "footnote":
            if not notes or notes[-1].owner != owner:
                notes.append(_Open(owner, kind, level, cell))
            notes[-1].add(text, href, cell)
            continue
        if current is None or current.owner != owner:
            if not text.strip() and current is not None:
                continue
            for block in ([current] if current else []) + notes:
                yield from _close(block)
            current, notes = _Open(owner, kind, level, cell), []
        current.add(text, href, cell)
    for block in ([current] if current else []) + notes:
        yield from _close(block)


def _surroundings(node: LexborNode) -> tuple[int, SentenceKind, int, str, int]:
    """The block that a text is in, its kind and level, the address of the link it is in, and its table cell."""
    owner, level, href, cell = 0, 0, "", 0
    kind: SentenceKind = "text"
    parent = node.parent
    for _ in range(DEEPEST):
        if parent is None:
            break
        tag = parent.tag or ""
        if tag == "a" and not href:
            href = (parent.attributes.get("href") or "").strip()
        if tag in ("td", "th") and not cell:
            cell = parent.mem_id
        if not owner and tag in _BLOCKS:
            owner = parent.mem_id
        if tag in _HEADINGS:
            kind, level, owner = "heading", _HEADINGS[tag], parent.mem_id
        elif tag in ("figcaption", "caption"):
            kind, owner = "caption", parent.mem_id
        elif kind == "text" and _is_note(parent, tag):
            kind = "footnote"
            if tag in ("span", "aside", "small") or not owner:
                owner = parent.mem_id
        if tag == "body":
            break
        parent = parent.parent
    if href.startswith("//"):
        href = "https:" + href
    return owner, kind, level, href if href.startswith(("http://", "https://", "ftp://")) else "", cell


def _is_note(element: LexborNode, tag: str) -> bool:
    """Whether an element is a footnote or holds footnotes."""
    if tag not in ("span", "aside", "small", "div", "section", "li", "ol", "p"):
        return False
    attributes = element.attributes
    named = attributes.get("class")
    if named and not _NOTE_CLASSES.isdisjoint(named.split()):
        return True
    return attributes.get("role") in ("doc-footnote", "doc-endnotes", "doc-endnote")


def _close(block: _Open) -> Iterator[Block]:
    raw = "".join(block.pieces)
    if not raw.strip():
        return
    if not block.links:
        text = clean(one_line(raw))
        if text:
            yield Block(text, block.kind, block.level, marked=block.kind == "heading")
        return
    text, links, position = "", [], 0
    for start, end, href in block.links:
        text = _append(text, raw[position:start])
        before = len(text)
        text = _append(text, raw[start:end])
        first = before + (len(text[before:]) - len(text[before:].lstrip()))
        if len(text) > first:
            links.append((first, len(text.rstrip()), href))
        position = end
    text = _append(text, raw[position:]).rstrip()
    text = text.lstrip() if not links or links[0][0] > 0 else text
    if text:
        links = [(s, min(e, len(text)), u) for s, e, u in links if s < min(e, len(text))]
        yield Block(text, block.kind, block.level, links=links, marked=block.kind == "heading")


def _append(text: str, raw: str) -> str:
    """``raw`` in plain characters after ``text``, one space where either has white space between them."""
    words = clean(one_line(raw))
    if not words:
        return f"{text} " if raw[:1].isspace() and text and not text.endswith(" ") else text
    lead = " " if raw[0].isspace() and text and not text.endswith(" ") else ""
    return text + lead + words + (" " if raw[-1].isspace() else "")
