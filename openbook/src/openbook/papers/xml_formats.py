"""XML papers: TEI as GROBID writes it, and JATS as PubMed Central keeps it. No entity is expanded, nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from openbook.papers.blocks import Block, Document, Unreadable
from openbook.papers.characters import clean
from openbook.papers.xml_text import DEEPEST, all_below, block_of, first_below, front_blocks, tag_of, text_of

#: JATS elements whose words are no prose of the paper.
_JATS_SILENT: Final = frozenset(
    (
        "object-id tex-math alternatives-image graphic media inline-graphic related-article processing-instruction "
        "permissions xref-fn annotation alt-text long-desc"
    ).split()
)
_JATS_PARAGRAPHS: Final = frozenset(
    "p disp-formula disp-quote verse-group preformat code statement speech boxed-text-p attrib def term".split()
)


def read_jats(article: etree._Element) -> Document:
    """The document in a JATS ``article`` element."""
    parts = {tag_of(part): part for part in reversed(article)}
    front = parts.get("front")
    meta = first_below(front, "article-meta")
    meta = meta if meta is not None else front
    document = Document(
        title=text_of(first_below(meta, "title-group", "article-title"), without=frozenset(["xref", "fn"]))
    )
    people = [person for person in all_below(meta, "contrib") if person.get("contrib-type", "author") == "author"]
    for person in people:
        name = _jats_name(person)
        if name and name not in document.authors:
            document.authors.append(name)
    places = [text_of(place, without=frozenset(["label", "sup", "institution-id"])) for place in all_below(meta, "aff")]
    places += [text_of(email) for person in people for email in all_below(person, "email")]
    blocks = document.blocks
    if document.title:
        blocks.append(Block(document.title))
    blocks += front_blocks(document.authors, places)
    for name in ("author-notes", "fn-group"):
        for note in all_below(_child(meta, name), "fn", "corresp"):
            if (block := _jats_note(note)).text:
                blocks.append(block)
    for abstract in all_below(meta, "abstract"):
        if abstract.get("abstract-type") in (None, "", "section", "summary"):
            blocks.append(Block("Abstract", "heading", 1, marked=True))
            blocks.extend(block for block in _jats_below(abstract, level=1) if block.text.lower() != "abstract")
    if "body" in parts:
        blocks.extend(_jats_below(parts["body"], level=0))
    if "back" in parts:  # statements and notes are the paper's own words: before its references
        parts["back"][:] = sorted(parts["back"], key=_back_order)
        blocks.extend(_jats_below(parts["back"], level=0))
    if "floats-group" in parts:
        blocks.extend(_jats_below(parts["floats-group"], level=0))
    return document


def _back_order(element: etree._Element) -> int:
    return {"ref-list": 1, "app-group": 2, "app": 2}.get(tag_of(element), 0)


def _child(element: etree._Element | None, name: str) -> etree._Element | None:
    return next((part for part in element if tag_of(part) == name), None) if element is not None else None


def _jats_name(person: etree._Element) -> str:
    names = first_below(person, "name")
    if names is not None:
        parts = (text_of(_child(names, part)) for part in ("prefix", "given-names", "surname", "suffix"))
        return " ".join(part for part in parts if part)
    whole = first_below(person, "string-name")
    return text_of(whole if whole is not None else first_below(person, "collab"), without=frozenset(["xref", "sup"]))


def _jats_below(top: etree._Element, level: int) -> Iterator[Block]:
    """Blocks below an element, without recursion; ``level`` is that of the section the element is in."""
    stack = [(child, level, 1) for child in reversed(top)]
    notes: list[Block] = []
    while stack:
        element, level, depth = stack.pop()
        tag = tag_of(element)
        if not tag or depth > DEEPEST or tag in _JATS_SILENT:
            continue
        if tag in ("title", "label"):
            parent = element.getparent()
            label = text_of(_child(parent, "label")) if tag == "title" else ""
            title = text_of(element, without=frozenset(["xref", "fn"]))
            if tag == "title" and title:
                yield from notes
                notes = []
                yield Block(f"{label} {title}" if label else title, "heading", max(level, 1), marked=True)
        elif tag in _JATS_PARAGRAPHS:
            # A table, figure or note may stand inside a paragraph: it is told after it.
            inner = list(all_below(element, "fn", "table-wrap", "fig", "list"))
            block = block_of(element, without=_JATS_SILENT | {"fn", "table-wrap", "fig", "list"})
            if block.text:
                yield block
            for part in inner:
                if tag_of(part) == "fn":
                    notes.append(_jats_note(part))
                elif tag_of(part) == "list":
                    yield from (block_of(item) for item in part if tag_of(item) == "list-item")
                else:
                    yield from _jats_float(part)
        elif tag in ("fig", "table-wrap", "fig-group", "table-wrap-group"):
            yield from _jats_float(element)
        elif tag == "fn":
            if (block := _jats_note(element)).text:
                yield block
        elif tag == "list":
            yield from (block for item in element if tag_of(item) == "list-item" and (block := block_of(item)).text)
        elif tag == "ref-list":
            title = text_of(_child(element, "title"))
            yield Block(title or "References", "heading", max(level, 1), marked=True)
            for entry in all_below(element, "ref"):
                if (block := block_of(entry, without=frozenset(["label"]))).text:
                    block.entry = True
                    yield block
        else:
            if tag in ("ack", "app-group", "fn-group", "notes", "app", "supplementary-material", "glossary"):
                yield from _jats_opening(element, tag, max(level, 1))
            deeper = level + 1 if tag in ("sec", "app", "ack", "notes", "glossary") else level
            stack.extend((child, deeper, depth + 1) for child in reversed(element))
    yield from notes


def _jats_opening(element: etree._Element, tag: str, level: int) -> Iterator[Block]:
    """The heading of a back matter that has none of its own, where it opens another part of the paper."""
    title = text_of(_child(element, "title")).lower()
    if tag == "ack" and not title:
        yield Block("Acknowledgments", "heading", level, marked=True)
    outermost = tag == "app-group" or (tag == "app" and tag_of(element.getparent()) != "app-group")
    if outermost and not title.startswith(("appendi", "supplement")):
        yield Block("Appendix", "heading", level, marked=True)


def _jats_note(note: etree._Element) -> Block:
    return block_of(note, "footnote", without=frozenset(["label", "sup"]) | _JATS_SILENT)


def _jats_float(element: etree._Element) -> Iterator[Block]:
    """A figure or a table: label and caption, the table's rows, its notes."""
    words = [text_of(_child(element, name), without=_JATS_SILENT) for name in ("label", "caption")]
    label = " ".join(part for part in words if part)
    if label:
        yield Block(label, "caption")
    for row in all_below(element, "tr"):
        if (block := block_of(row, without=_JATS_SILENT)).text:
            yield block
    for note in all_below(first_below(element, "table-wrap-foot"), "p", "fn"):
        if tag_of(note) == "p" and (block := block_of(note, "footnote")).text:
            yield block


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
