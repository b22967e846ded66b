"""The words, blocks and links of XML elements, as the readers of TEI and of JATS take them."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import Final

from lxml import etree

from openbook.papers.blocks import Block
from openbook.papers.characters import clean
from openbook.papers.paper import SentenceKind
from openbook.text import one_line

#: Elements below one another that a reader follows.
DEEPEST: Final = 200
_XLINK: Final = "{http://www.w3.org/1999/xlink}href"
#: Elements that stand apart from the words around them even where no space is written between.
_APART: Final = frozenset(
    (
        "s p lb pb cb item label cell row head div td th tr break list-item def-item title disp-formula title-group "
        "table list orgName address addrLine settlement region country postCode institution addr-line email note fn"
    ).split()
)

#: Elements whose parts stand apart: a reference kept in fields has no marks between them.
_FIELDS: Final = frozenset("element-citation nlm-citation person-group name".split())


def tag_of(element: etree._Element) -> str:
    """The name of an element without its name space; empty for comments and instructions."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def all_below(element: etree._Element | None, *names: str) -> Iterator[etree._Element]:
    """The elements of these names below one, in order, whatever their name space."""
    if element is not None:
        yield from (part for part in element.iter() if part is not element and tag_of(part) in names)


def first_below(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The first element at the end of a path of names, each anywhere below the one before."""
    for name in path:
        element = next(all_below(element, name), None)
    return element


def words_of(
    element: etree._Element | None, *, without: frozenset[str] = frozenset()
) -> tuple[str, list[tuple[int, int, str]]]:
    """The words of an element and the links in it, as offsets into the words; elements named in ``without`` left out.

    The address of a link replaces words that differ from it by spaces only.
    """
    if element is None or not isinstance(element.tag, str):  # comments and instructions have no words
        return "", []
    text = ""
    links: list[tuple[int, int, str]] = []
    opened: list[tuple[etree._Element, int]] = []
    skipped: etree._Element | None = None

    def add(raw: str | None, apart: bool = False) -> None:
        nonlocal text
        raw = html.unescape(raw) if raw and "&" in raw else raw or ""
        words = clean(one_line(raw))
        apart = apart and raw[:1] not in (",", ".", ";", ":", ")", "]")
        if (apart or raw[:1].isspace()) and text and text[-1] not in " ([":
            text += " "
        text += words
        if words and raw[-1:].isspace():
            text += " "

    for event, part in etree.iterwalk(element, events=("start", "end", "comment", "pi")):
        if event in ("comment", "pi"):
            if skipped is None and part is not element:
                add(part.tail)
            continue
        name = tag_of(part)
        parent = part.getparent()
        apart = name in _APART or (parent is not None and tag_of(parent) in _FIELDS)
        if event == "start":
            if skipped is None and part is not element and (name in without or _is_mark(part, name)):
                skipped = part
            if skipped is None:
                if name in ("ref", "ext-link", "uri", "ptr", "self-uri") and part is not element:
                    opened.append((part, len(text)))
                add(part.text, apart)
            continue
        if skipped is None and opened and opened[-1][0] is part:
            text = _linked(part, opened.pop()[1], text, links)
        if skipped is part:
            skipped = None
        if skipped is None and part is not element:
            # what follows an address is never glued to it
            add(part.tail, apart or (bool(links) and links[-1][1] == len(text) and (part.tail or "")[:1].isalnum()))
    lead = len(text) - len(text.lstrip())
    text = text.strip()
    return text, [(max(s - lead, 0), min(e - lead, len(text)), url) for s, e, url in links if s - lead < len(text)]


def _is_mark(part: etree._Element, name: str) -> bool:
    """Whether an element is the raised mark of a note or of a reference, and no word of the sentence."""
    if name not in ("xref", "ref", "sup") or len("".join(part.itertext())) > 8:
        return False
    kind = part.get("ref-type") or part.get("type") or ""
    if kind in ("fn", "table-fn", "foot"):
        return True
    inner = "xref" if name == "sup" else "sup"
    raised = len(part) > 0 and not (part.text or "").strip() and all(tag_of(child) == inner for child in part)
    return raised and (name == "sup" or kind == "bibr")


def _linked(part: etree._Element, start: int, text: str, links: list[tuple[int, int, str]]) -> str:
    """The text with the link of an element that ends here noted, its address whole where the words are that address."""
    url = part.get("target") or part.get(_XLINK) or part.get("href") or ""
    if url.startswith(("www.", "//")):
        url = "https://" + url.lstrip("/")
    start += len(text[start:]) - len(text[start:].lstrip())
    words = text[start:].rstrip()
    if not url and tag_of(part) == "uri" and words.startswith("http"):
        url = "".join(words.split())
    if not url.startswith(("http://", "https://", "ftp://")) or not words:
        return text
    squeezed = "".join(words.split())
    if squeezed != words and squeezed in (url, url.rstrip("/"), url.partition("://")[2]):
        text = text[:start] + squeezed + text[start + len(words) :]
        words = squeezed
    links.append((start, start + len(words), url))
    return text


def text_of(element: etree._Element | None, *, without: frozenset[str] = frozenset()) -> str:
    return words_of(element, without=without)[0]


def block_of(element: etree._Element, kind: SentenceKind = "text", *, without: frozenset[str] = frozenset()) -> Block:
    text, links = words_of(element, without=without)
    return Block(text, kind, links=links)


def front_blocks(authors: list[str], places: Iterable[str]) -> list[Block]:
    """Authors and their institutions as the blocks below a title, each institution once."""
    named = [Block(", ".join(authors))] if authors else []
    return named + [Block(place) for place in dict.fromkeys(places) if place]
