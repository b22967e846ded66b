"""HTML: what a reader of the page would see, as blocks. Scripts, menus and hidden text are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from openbook.papers.blocks import Block, Document
from openbook.papers.characters import clean
from openbook.papers.paper import SentenceKind

_DROPPED = (
    "script, style, template, noscript, nav, iframe, object, svg, canvas, form, button, select, head > meta, annotation"
)
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?:\.0+)?\s*(?:;|!|$)|"
    r"font-size\s*:\s*[01](?:\.\d+)?(?:px|pt|em|rem|%)?\s*(?:;|!|$)|"
    r"(?<![-\w])color\s*:\s*(?:#fff(?:fff)?\b|white\b|transparent\b|rgba?\(\s*255\s*,\s*255\s*,\s*255)|"
    r"(?:left|top|text-indent)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
_RULE = re.compile(r"([^{}@]{1,200})\{([^{}]{0,2000})\}")
_SIMPLE_SELECTOR = re.compile(r"(?:[\w-]+)?(?:[.#][\w-]+)+|[\w-]+(?:\s*>\s*[.#]?[\w-]+)?")
_BLOCKS = frozenset(
    (
        "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer h1 h2 h3 "
        "h4 h5 h6 header hr html legend li main ol p pre section summary table tbody td tfoot th thead tr ul caption"
    ).split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_TABLE_PARTS = frozenset(["td", "th", "tr", "tbody", "thead", "tfoot"])
DEEPEST = 400


@dataclass(slots=True)
class _Open:
    owner: int
    kind: SentenceKind
    level: int
    pieces: list[str] = field(default_factory=list)
    links: list[tuple[int, int, str]] = field(default_factory=list)


def read_html(markup: str) -> Document:
    """The blocks of an HTML page. Any text is accepted, as browsers accept it."""
    tree = LexborHTMLParser(markup)
    title, authors = _head(tree)
    _drop_hidden(tree)
    body = tree.body
    blocks = list(_blocks(body)) if body is not None else []
    if not title:
        title = next((block.text for block in blocks if block.kind == "heading"), "")
    for index, block in enumerate(blocks[:5]):
        if block.kind == "heading" and block.text == title:
            blocks[index] = Block(block.text)  # the paper's title is no section
    return Document(blocks, title, authors)


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


def _drop_hidden(tree: LexborHTMLParser) -> None:
    selectors: list[str] = []
    for style in tree.css("style")[:50]:
        for names, rules in _RULE.findall((style.text() or "")[:500_000]):
            if _HIDDEN_STYLE.search(rules):
                selectors.extend(name.strip() for name in names.split(",") if _SIMPLE_SELECTOR.fullmatch(name.strip()))
    _remove(tree.css(_DROPPED))
    _remove(tree.css("[hidden]"))
    _remove([node for node in tree.css("[style]") if _HIDDEN_STYLE.search(node.attributes.get("style") or "")])
    for selector in selectors[:200]:
        if selector.lower() in ("body", "html", "p", "div", "span"):
            continue
        # A damaged style sheet has selectors that do not parse; they hide nothing.
        with suppress(SelectolaxError, ValueError):
            _remove(tree.css(selector))


def _remove(nodes: list[LexborNode]) -> None:
    for node in nodes:
        node.decompose()


def _blocks(body: LexborNode) -> Iterator[Block]:
    current: _Open | None = None
    skipped: set[int] = set()
    for node in body.traverse(include_text=True):
        tag = node.tag
        if tag == "math":
            skipped.update(child.mem_id for child in node.traverse(include_text=True))
            text: str | None = node.attributes.get("alttext") or node.text(separator=" ")
        elif tag == "br":
            text = " "
        elif tag == "img":
            continue
        elif tag == "-text" and node.mem_id not in skipped:
            text = node.text_content
        else:
            continue
        if not text:
            continue
        owner, kind, level, href = _surroundings(node)
        if current is None or current.owner != owner:
            if current:
                yield from _close(current)
            current = _Open(owner, kind, level)
        start = sum(map(len, current.pieces)) if href else 0
        current.pieces.append(text)
        if href:
            current.links.append((start, start + len(text), href))
    if current:
        yield from _close(current)


def _surroundings(node: LexborNode) -> tuple[int, SentenceKind, int, str]:
    """The block that a text is in, its kind and level, and the address of the link it is in."""
    owner, kind, level, href = 0, "text", 0, ""
    parent = node.parent
    for _ in range(DEEPEST):
        if parent is None:
            break
        tag = parent.tag or ""
        if tag == "a" and not href:
            href = parent.attributes.get("href") or ""
        if not owner and tag in _BLOCKS and tag not in _TABLE_PARTS:
            owner = parent.mem_id
        if tag in _HEADINGS:
            kind, level = "heading", _HEADINGS[tag]
            owner = parent.mem_id
        elif tag in ("figcaption", "caption"):
            kind, owner = "caption", parent.mem_id
        elif kind == "text" and "ltx_note" in (parent.attributes.get("class") or "") and tag == "span":
            kind, owner = "footnote", parent.mem_id
        if tag == "body":
            break
        parent = parent.parent
    return owner, kind, level, href if href.startswith(("http://", "https://", "ftp://")) else ""  # type: ignore[return-value]


def _close(block: _Open) -> Iterator[Block]:
    raw = "".join(block.pieces)
    if not raw.strip():
        return
    if not block.links:
        text = clean(" ".join(raw.split()))
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
            links.append((first, len(text), href))
        position = end
    text = _append(text, raw[position:]).rstrip()
    text = text.lstrip() if not links or links[0][0] > 0 else text
    if text:
        links = [(s, min(e, len(text)), u) for s, e, u in links if s < min(e, len(text))]
        yield Block(text, block.kind, block.level, links=links, marked=block.kind == "heading")


def _append(text: str, raw: str) -> str:
    """``raw`` in plain characters after ``text``, one space where either has white space between them."""
    words = clean(" ".join(raw.split()))
    if not words:
        return f"{text} " if raw[:1].isspace() and text and not text.endswith(" ") else text
    lead = " " if raw[0].isspace() and text and not text.endswith(" ") else ""
    return text + lead + words + (" " if raw[-1].isspace() else "")
