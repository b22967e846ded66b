"""XML papers: TEI as GROBID writes it, and JATS as PubMed Central keeps it. No entity is expanded, nothing is fetched."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import Final

from lxml import etree

from openbook.papers.blocks import Block, Document, Unreadable
from openbook.papers.characters import clean
from openbook.papers.paper import SentenceKind
from openbook.text import one_line

DEEPEST: Final = 200
_XLINK: Final = "{http://www.w3.org/1999/xlink}href"
#: Elements that stand apart from the words around them even where no space is written between.
_APART: Final = frozenset(
    (
        "s p lb pb cb item label cell row head div td th tr break list-item def-item title disp-formula title-group "
        "table list orgName address addrLine settlement region country postCode institution addr-line email note fn"
    ).split()
)
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
    if root is not None and _tag(root) in ("TEI", "teiCorpus"):
        return _read_tei(root)
    article = None if root is None else root if _tag(root) == "article" else _first(root, "article")
    if article is not None and any(_tag(part) in ("front", "body") for part in article):
        return _read_jats(article)
    raise Unreadable("not a paper: XML, but not TEI (as GROBID writes it) and not JATS (as PubMed Central keeps it)")


def _tag(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _all(element: etree._Element | None, *names: str) -> Iterator[etree._Element]:
    """The elements of these names below one, in order, whatever their name space."""
    if element is not None:
        yield from (part for part in element.iter() if part is not element and _tag(part) in names)


def _first(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The first element at the end of a path of names, each anywhere below the one before."""
    for name in path:
        element = next(_all(element, name), None)
    return element


def _words(
    element: etree._Element | None, *, without: frozenset[str] = frozenset()
) -> tuple[str, list[tuple[int, int, str]]]:
    """The words of an element and the links in it, as offsets into the words; elements named in ``without`` left out.

    The address of a link replaces words that differ from it by spaces only.
    """
    if element is None:
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
        if (apart or raw[:1].isspace()) and text and text[-1] != " ":
            text += " "
        text += words
        if words and raw[-1:].isspace():
            text += " "

    for event, part in etree.iterwalk(element, events=("start", "end", "comment", "pi")):
        if event in ("comment", "pi"):
            if skipped is None and part is not element:
                add(part.tail)
            continue
        name = _tag(part)
        if event == "start":
            if skipped is None and name in without and part is not element:
                skipped = part
            if skipped is None:
                if name in ("ref", "ext-link", "uri", "ptr", "self-uri") and part is not element:
                    opened.append((part, len(text)))
                add(part.text, apart=name in _APART)
            continue
        if skipped is None and opened and opened[-1][0] is part:
            text = _linked(part, opened.pop()[1], text, links)
        if skipped is part:
            skipped = None
        if skipped is None and part is not element:
            add(part.tail, apart=name in _APART)
    lead = len(text) - len(text.lstrip())
    text = text.strip()
    return text, [(max(s - lead, 0), min(e - lead, len(text)), url) for s, e, url in links if s - lead < len(text)]


def _linked(part: etree._Element, start: int, text: str, links: list[tuple[int, int, str]]) -> str:
    """The text with the link of an element that ends here noted, its address whole where the words are that address."""
    url = part.get("target") or part.get(_XLINK) or part.get("href") or ""
    if url.startswith(("www.", "//")):
        url = "https://" + url.lstrip("/")
    start += len(text[start:]) - len(text[start:].lstrip())
    words = text[start:].rstrip()
    if not url and _tag(part) == "uri" and words.startswith("http"):
        url = "".join(words.split())
    if not url.startswith(("http://", "https://", "ftp://")) or not words:
        return text
    squeezed = "".join(words.split())
    if squeezed != words and squeezed in (url, url.rstrip("/"), url.partition("://")[2]):
        text = text[:start] + squeezed + text[start + len(words) :]
        words = squeezed
    links.append((start, start + len(words), url))
    return text


def _text(element: etree._Element | None, *, without: frozenset[str] = frozenset()) -> str:
    return _words(element, without=without)[0]


def _block(element: etree._Element, kind: SentenceKind = "text", *, without: frozenset[str] = frozenset()) -> Block:
    text, links = _words(element, without=without)
    return Block(text, kind, links=links)


def _front(authors: list[str], places: Iterable[str]) -> list[Block]:
    """Authors and their institutions as the blocks below a title, each institution once."""
    named = [Block(", ".join(authors))] if authors else []
    return named + [Block(place) for place in dict.fromkeys(places) if place]


# TEI


def _read_tei(root: etree._Element) -> Document:
    document = Document(title=_text(_first(root, "titleStmt", "title")))
    places: list[str] = []
    analytic = _first(root, "sourceDesc", "analytic")
    header = analytic if analytic is not None else _first(root, "fileDesc")
    for author in _all(header, "author"):
        person = _first(author, "persName")
        parts = person if person is not None else ()
        name = " ".join(_text(part) for part in parts if _tag(part) != "roleName").strip() or _text(person)
        if name and name not in document.authors:
            document.authors.append(name)
        places.extend(_tei_place(place) for place in _all(author, "affiliation"))
        places.extend(_text(email) for email in _all(author, "email"))
    page = 0
    for block, found in _tei_blocks(root):
        page = max(page, found or 0)
        if page:
            block.pages = [(0, page)]
        document.blocks.append(block)
    surfaces = sum(1 for _ in _all(root, "surface"))
    document.pages = max(page, surfaces) if page else 0
    first = 1
    if page and document.blocks and document.blocks[0].pages:
        first = document.blocks[0].pages[0][1]
    titled = [Block(document.title)] if document.title else []
    document.blocks[:0] = titled + _front(document.authors, places)
    if page:
        for place, block in enumerate(document.blocks):
            block.pages = block.pages or [(0, 1 if place < len(titled) else first)]
    return document


def _tei_place(affiliation: etree._Element) -> str:
    """An affiliation as it is printed, else its parts, smallest first."""
    raw = next((note for note in _all(affiliation, "note") if note.get("type") == "raw_affiliation"), None)
    if raw is not None:
        return _NOTED.sub("", _text(raw, without=frozenset(["label"])))
    parts = [_text(part) for part in _all(affiliation, "orgName", "addrLine", "settlement", "region", "country")]
    return ", ".join(dict.fromkeys(part for part in parts if part)) or _text(affiliation)


def _tei_page(element: etree._Element) -> int | None:
    """The page of an element's first box, or of the first box inside it."""
    for part in [element, *list(element)[:3]]:
        coordinates = part.get("coords") if isinstance(part.tag, str) else None
        if coordinates:
            number = coordinates.split(",", 1)[0]
            return int(number) if number.isdigit() and len(number) < 6 else None
    return None


def _tei_blocks(root: etree._Element) -> Iterator[tuple[Block, int | None]]:
    abstract = _first(root, "profileDesc", "abstract")
    if abstract is not None:
        yield Block("Abstract", "heading", 1, marked=True), _tei_page(abstract)
        yield from _tei_below(abstract)
    text = next((part for part in root if _tag(part) == "text"), None)
    for part in text if text is not None else ():
        if _tag(part) in ("body", "back"):
            yield from _tei_below(part)


def _tei_below(top: etree._Element) -> Iterator[tuple[Block, int | None]]:
    """Blocks below an element, without recursion: the depth of the document is not ours to choose."""
    stack = [(child, 1) for child in reversed(top)]
    while stack:
        element, depth = stack.pop()
        tag = _tag(element)
        if not tag or depth > DEEPEST:
            continue
        page = _tei_page(element)
        if tag == "head":
            number = clean(element.get("n") or "")
            title = _text(element)
            if title:
                level = 1 + number.rstrip(".").count(".")
                label = f"{number} {title}" if number and not title.startswith(number) else title
                yield Block(label, "heading", level, marked=True), page
        elif tag in ("p", "item", "formula", "ab", "quote"):
            block = _block(element, without=frozenset(["note"]))
            if block.text:
                yield block, page
            for note in _all(element, "note"):
                if note.get("place") == "foot" and (block := _block(note, "footnote")).text:
                    yield block, page
        elif tag == "figure":
            label = " ".join(part for part in (_text(_first(element, name)) for name in ("head", "figDesc")) if part)
            if label:
                yield Block(label, "caption"), page
            for row in _all(_first(element, "table"), "row"):
                if words := _text(row):
                    yield Block(words), page
        elif tag == "note":
            block = _block(element, "footnote")
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
            if annex and _first(element, "head") is not None:
                yield Block("Appendix", "heading", 1, marked=True), page
            stack.extend((child, depth + 1) for child in reversed(element))


def _tei_reference(entry: etree._Element) -> str:
    raw = next((note for note in _all(entry, "note") if note.get("type") == "raw_reference"), None)
    if raw is not None:
        return _text(raw)
    parts = [" ".join(_text(part) for part in person) for person in _all(entry, "persName")]
    for tag in ("title", "date", "biblScope", "ptr"):
        for element in _all(entry, tag):
            parts.append(_text(element) or clean(element.get("when") or element.get("target") or ""))
    return ", ".join(part for part in parts if part) or _text(entry)


# JATS


def _read_jats(article: etree._Element) -> Document:
    parts = {_tag(part): part for part in reversed(article)}
    front = parts.get("front")
    meta = _first(front, "article-meta")
    meta = meta if meta is not None else front
    document = Document(title=_text(_first(meta, "title-group", "article-title"), without=frozenset(["xref", "fn"])))
    people = [person for person in _all(meta, "contrib") if person.get("contrib-type", "author") == "author"]
    for person in people:
        name = _jats_name(person)
        if name and name not in document.authors:
            document.authors.append(name)
    places = [_text(place, without=frozenset(["label", "sup", "institution-id"])) for place in _all(meta, "aff")]
    places += [_text(email) for person in people for email in _all(person, "email")]
    blocks = document.blocks
    if document.title:
        blocks.append(Block(document.title))
    blocks += _front(document.authors, places)
    for name in ("author-notes", "fn-group"):
        for note in _all(_child(meta, name), "fn", "corresp"):
            if (block := _jats_note(note)).text:
                blocks.append(block)
    for abstract in _all(meta, "abstract"):
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
    return {"ref-list": 1, "app-group": 2, "app": 2}.get(_tag(element), 0)


def _child(element: etree._Element | None, name: str) -> etree._Element | None:
    return next((part for part in element if _tag(part) == name), None) if element is not None else None


def _jats_name(person: etree._Element) -> str:
    names = _first(person, "name")
    if names is not None:
        parts = (_text(_child(names, part)) for part in ("prefix", "given-names", "surname", "suffix"))
        return " ".join(part for part in parts if part)
    whole = _first(person, "string-name")
    return _text(whole if whole is not None else _first(person, "collab"), without=frozenset(["xref", "sup"]))


def _jats_below(top: etree._Element, level: int) -> Iterator[Block]:
    """Blocks below an element, without recursion; ``level`` is that of the section the element is in."""
    stack = [(child, level, 1) for child in reversed(top)]
    notes: list[Block] = []
    while stack:
        element, level, depth = stack.pop()
        tag = _tag(element)
        if not tag or depth > DEEPEST or tag in _JATS_SILENT:
            continue
        if tag in ("title", "label"):
            parent = element.getparent()
            label = _text(_child(parent, "label")) if tag == "title" else ""
            title = _text(element, without=frozenset(["xref", "fn"]))
            if tag == "title" and title:
                yield from notes
                notes = []
                yield Block(f"{label} {title}" if label else title, "heading", max(level, 1), marked=True)
        elif tag in _JATS_PARAGRAPHS:
            # A table, figure or note may stand inside a paragraph: it is told after it.
            inner = list(_all(element, "fn", "table-wrap", "fig", "list"))
            block = _block(element, without=_JATS_SILENT | {"fn", "table-wrap", "fig", "list"})
            if block.text:
                yield block
            for part in inner:
                if _tag(part) == "fn":
                    notes.append(_jats_note(part))
                elif _tag(part) == "list":
                    yield from (_block(item) for item in part if _tag(item) == "list-item")
                else:
                    yield from _jats_float(part)
        elif tag in ("fig", "table-wrap", "fig-group", "table-wrap-group"):
            yield from _jats_float(element)
        elif tag == "fn":
            if (block := _jats_note(element)).text:
                yield block
        elif tag == "list":
            yield from (block for item in element if _tag(item) == "list-item" and (block := _block(item)).text)
        elif tag == "ref-list":
            title = _text(_child(element, "title"))
            yield Block(title or "References", "heading", max(level, 1), marked=True)
            for entry in _all(element, "ref"):
                if (block := _block(entry, without=frozenset(["label"]))).text:
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
    title = _text(_child(element, "title")).lower()
    if tag == "ack" and not title:
        yield Block("Acknowledgments", "heading", level, marked=True)
    outermost = tag == "app-group" or (tag == "app" and _tag(element.getparent()) != "app-group")
    if outermost and not title.startswith(("appendi", "supplement")):
        yield Block("Appendix", "heading", level, marked=True)


def _jats_note(note: etree._Element) -> Block:
    return _block(note, "footnote", without=frozenset(["label", "sup"]) | _JATS_SILENT)


def _jats_float(element: etree._Element) -> Iterator[Block]:
    """A figure or a table: label and caption, the table's rows, its notes."""
    words = [_text(_child(element, name), without=_JATS_SILENT) for name in ("label", "caption")]
    label = " ".join(part for part in words if part)
    if label:
        yield Block(label, "caption")
    for row in _all(element, "tr"):
        if (block := _block(row, without=_JATS_SILENT)).text:
            yield block
    for note in _all(_first(element, "table-wrap-foot"), "p", "fn"):
        if _tag(note) == "p" and (block := _block(note, "footnote")).text:
            yield block
