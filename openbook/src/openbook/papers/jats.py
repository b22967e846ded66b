"""JATS papers, as PubMed Central keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lxml import etree

from openbook.papers.blocks import Block, Document
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
