"""XML papers: TEI as GROBID writes it, and JATS as PubMed Central keeps it. No entity is expanded, nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from openbook.papers.blocks import Block, Document, Unreadable
from openbook.papers.characters import clean
from openbook.papers.jats import read_jats
from openbook.papers.xml_text import DEEPEST, all_below, block_of, first_below, front_blocks, tag_of, text_of

_NOTED: Final = re.compile(r"^(?:\d{1,2}|[*†‡§¶∗])\s*(?=\S)")


def read_xml(data: bytes) -> Document:
    """The document in a TEI or JATS file.

    Raises ``Unreadable`` for XML that is damaged, defines entities, or is neither.
    """
    if b"<!ENTITY" in data or b"<!entity" in data:
        raise Unreadable("refused: the XML defines entities, which papers do not need and attacks use")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False, remove_comments=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable(f"damaged: not well-formed XML ({str(error)[:150]})") from None
    if root is not None and tag_of(root) in ("TEI", "teiCorpus"):
        return _read_tei(root)
    article = None if root is None else root if tag_of(root) == "article" else first_below(root, "article")
    if article is not None and any(tag_of(part) in ("front", "body") for part in article):
        return read_jats(article)
    raise Unreadable("not a paper: XML, but not TEI (as GROBID writes it) and not JATS (as PubMed Central keeps it)")


def _read_tei(root: etree._Element) -> Document:
    document = Document(title=text_of(first_below(root, "titleStmt", "title")))
    places: list[str] = []
    analytic = first_below(root, "sourceDesc", "analytic")
    header = analytic if analytic is not None else first_below(root, "fileDesc")
    for author in all_below(header, "author"):
        person = first_below(author, "persName")
        parts = person if person is not None else ()
        name = " ".join(text_of(part) for part in parts if tag_of(part) != "roleName").strip() or text_of(person)
        if name and name not in document.authors:
            document.authors.append(name)
        places.extend(_tei_place(place) for place in all_below(author, "affiliation"))
        places.extend(text_of(email) for email in all_below(author, "email"))
    page = 0
    for block, found in _tei_blocks(root):
        page = max(page, found or 0)
        if page:
            block.pages = [(0, page)]
        document.blocks.append(block)
    surfaces = sum(1 for _ in all_below(root, "surface"))
    document.pages = max(page, surfaces) if page else 0
    first = 1
    if page and document.blocks and document.blocks[0].pages:
        first = document.blocks[0].pages[0][1]
    titled = [Block(document.title)] if document.title else []
    document.blocks[:0] = titled + front_blocks(document.authors, places)
    if page:
        for place, block in enumerate(document.blocks):
            block.pages = block.pages or [(0, 1 if place < len(titled) else first)]
    return document


def _tei_place(affiliation: etree._Element) -> str:
    """An affiliation as it is printed, else its parts, smallest first."""
    raw = next((note for note in all_below(affiliation, "note") if note.get("type") == "raw_affiliation"), None)
    if raw is not None:
        return _NOTED.sub("", text_of(raw, without=frozenset(["label"])))
    parts = [text_of(part) for part in all_below(affiliation, "orgName", "addrLine", "settlement", "region", "country")]
    return ", ".join(dict.fromkeys(part for part in parts if part)) or text_of(affiliation)


def _tei_page(element: etree._Element) -> int | None:
    """The page of an element's first box, or of the first box inside it."""
    for part in [element, *list(element)[:3]]:
        coordinates = part.get("coords") if isinstance(part.tag, str) else None
        if coordinates:
            number = coordinates.split(",", 1)[0]
            return int(number) if number.isdecimal() and len(number) < 6 else None
    return None


def _tei_blocks(root: etree._Element) -> Iterator[tuple[Block, int | None]]:
    abstract = first_below(root, "profileDesc", "abstract")
    if abstract is not None:
        yield Block("Abstract", "heading", 1, marked=True), _tei_page(abstract)
        yield from _tei_below(abstract)
    text = next((part for part in root if tag_of(part) == "text"), None)
    for part in text if text is not None else ():
        if tag_of(part) in ("body", "back"):
            yield from _tei_below(part)


def _tei_below(top: etree._Element) -> Iterator[tuple[Block, int | None]]:
    """Blocks below an element, without recursion: the depth of the document is not ours to choose."""
    stack = [(child, 1) for child in reversed(top)]
    while stack:
        element, depth = stack.pop()
        tag = tag_of(element)
        if not tag or depth > DEEPEST:
            continue
        page = _tei_page(element)
        if tag == "head":
            number = clean(element.get("n") or "")
            title = text_of(element)
            if title:
                level = 1 + number.rstrip(".").count(".")
                label = f"{number} {title}" if number and not title.startswith(number) else title
                yield Block(label, "heading", level, marked=True), page
        elif tag in ("p", "item", "formula", "ab", "quote"):
            block = block_of(element, without=frozenset(["note"]))
            if block.text:
                yield block, page
            for note in all_below(element, "note"):
                if note.get("place") == "foot" and (block := block_of(note, "footnote")).text:
                    yield block, page
        elif tag == "figure":
            label = " ".join(
                part for part in (text_of(first_below(element, name)) for name in ("head", "figDesc")) if part
            )
            if label:
                yield Block(label, "caption"), page
            for row in all_below(first_below(element, "table"), "row"):
                if words := text_of(row):
                    yield Block(words), page
        elif tag == "note":
            block = block_of(element, "footnote")
            if block.text:
                yield block, page
        elif tag == "listBibl":
            yield Block("References", "heading", 1, marked=True), page
            for entry in element:
                words = _tei_reference(entry)
                if words:
                    yield Block(words, entry=True), _tei_page(entry)
        else:
            annex = tag == "div" and element.get("type") in ("annex", "appendix")
            if annex and first_below(element, "head") is not None:
                yield Block("Appendix", "heading", 1, marked=True), page
            stack.extend((child, depth + 1) for child in reversed(element))


def _tei_reference(entry: etree._Element) -> str:
    raw = next((note for note in all_below(entry, "note") if note.get("type") == "raw_reference"), None)
    if raw is not None:
        return text_of(raw)
    parts = [" ".join(text_of(part) for part in person) for person in all_below(entry, "persName")]
    for tag in ("title", "date", "biblScope", "ptr"):
        for element in all_below(entry, tag):
            parts.append(text_of(element) or clean(element.get("when") or element.get("target") or ""))
    return ", ".join(part for part in parts if part) or text_of(entry)
