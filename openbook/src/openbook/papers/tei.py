"""GROBID's TEI XML: blocks with pages from coordinates. No entity is expanded and nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from openbook.papers.blocks import Block
from openbook.papers.characters import clean

_NAMESPACE = "{http://www.tei-c.org/ns/1.0}"
DEEPEST = 200


class XmlProblem(Exception):
    """This XML cannot be read; the message is the reason, for ``Paper.problem``."""


@dataclass(slots=True)
class TeiPaper:
    """The blocks of a TEI document, title, authors, and the number of its pages (0 when it gives no coordinates)."""

    blocks: list[Block] = field(default_factory=list)
    title: str = ""
    authors: list[str] = field(default_factory=list)
    pages: int = 0


def read_tei(data: bytes) -> TeiPaper:
    """Read a TEI document. Raises ``XmlProblem`` for XML that is damaged, defines entities or is no TEI."""
    if b"<!ENTITY" in data or b"<!entity" in data:
        raise XmlProblem("refused: the XML defines entities, which papers do not need and attacks use")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False, remove_comments=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlProblem(f"damaged: not well-formed XML ({str(error)[:150]})") from None
    if root is None or etree.QName(root).localname not in ("TEI", "teiCorpus"):
        raise XmlProblem("not a paper: XML, but not TEI (as GROBID writes it)")
    paper = TeiPaper()
    paper.title = _text(root.find(f".//{_NAMESPACE}titleStmt/{_NAMESPACE}title"))
    for person in root.iterfind(
        f".//{_NAMESPACE}sourceDesc//{_NAMESPACE}analytic/{_NAMESPACE}author/{_NAMESPACE}persName"
    ):
        name = " ".join(clean(_inner(part)) for part in person if _tag(part) != "roleName").strip()
        if name:
            paper.authors.append(name)
    page = 0
    for block, found in _walk(root):
        page = max(page, found or 0)
        if page:
            block.pages = [(0, page)]
        paper.blocks.append(block)
    surfaces = root.findall(f".//{_NAMESPACE}surface")
    paper.pages = max(page, len(surfaces)) if page else 0
    if page:
        first = paper.blocks[0].pages[0][1] if paper.blocks and paper.blocks[0].pages else 1
        for block in paper.blocks:
            block.pages = block.pages or [(0, first)]
    if paper.title:
        paper.blocks.insert(0, Block(paper.title, pages=[(0, 1)] if page else []))
    return paper


def _tag(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _page(element: etree._Element) -> int | None:
    """The page of an element's first box, or of the first box inside it."""
    for part in [element, *list(element)[:3]]:
        coordinates = part.get("coords") if isinstance(part.tag, str) else None
        if coordinates:
            number = coordinates.split(",", 1)[0]
            return int(number) if number.isdigit() and len(number) < 6 else None
    return None


def _walk(root: etree._Element) -> Iterator[tuple[Block, int | None]]:
    abstract = root.find(f".//{_NAMESPACE}profileDesc/{_NAMESPACE}abstract")
    if abstract is not None:
        yield Block("Abstract", "heading", 1, marked=True), _page(abstract)
        yield from _children(abstract)
    text = root.find(f"{_NAMESPACE}text")
    for name in ("body", "back"):
        part = text.find(f"{_NAMESPACE}{name}") if text is not None else None
        if part is not None:
            yield from _children(part)


def _children(top: etree._Element) -> Iterator[tuple[Block, int | None]]:
    """Blocks below an element, without recursion: the depth of the document is not ours to choose."""
    stack = [(child, 1) for child in reversed(top)]
    while stack:
        element, depth = stack.pop()
        tag = _tag(element)
        if not tag or depth > DEEPEST:
            continue
        page = _page(element)
        if tag == "head":
            number = clean(element.get("n") or "")
            title = _text(element)
            if title:
                level = 1 + number.rstrip(".").count(".")
                label = f"{number} {title}" if number and not title.startswith(number) else title
                yield Block(label, "heading", level, marked=True), page
        elif tag in ("p", "item", "formula", "ab", "quote"):
            block = _paragraph(element)
            if block.text:
                yield block, page
        elif tag == "figure":
            parts = [_text(element.find(f"{_NAMESPACE}{name}")) for name in ("head", "figDesc")]
            label = " ".join(part for part in parts if part)
            if label:
                yield Block(label, "caption"), page
            table = element.find(f"{_NAMESPACE}table")
            rows = [" ".join(_text(cell) for cell in row) for row in table] if table is not None else []
            if any(rows):
                yield Block(" ; ".join(row for row in rows if row)), page
        elif tag == "note":
            words = _text(element)
            if words:
                yield Block(words, "footnote"), page
        elif tag == "listBibl":
            yield Block("References", "heading", 1, marked=True), page
            for entry in element:
                words = _reference(entry)
                if words:
                    yield Block(words, entry=True), _page(entry)
        else:
            if (
                tag == "div"
                and element.get("type") in ("annex", "appendix")
                and element.find(f".//{_NAMESPACE}head") is not None
            ):
                yield Block("Appendix", "heading", 1, marked=True), page
            stack.extend((child, depth + 1) for child in reversed(element))


def _inner(element: etree._Element) -> str:
    return "".join(str(piece) for piece in element.itertext())


def _text(element: etree._Element | None) -> str:
    if element is None:
        return ""
    return clean(" ".join(_inner(element).split()))


def _paragraph(element: etree._Element) -> Block:
    """A paragraph's text with the links of its ``ref target`` elements."""
    text = clean(" ".join(_inner(element).split()))
    block = Block(text)
    start = 0
    for reference in element.iter(f"{_NAMESPACE}ref"):
        target = reference.get("target") or ""
        if not target.startswith(("http://", "https://", "ftp://")):
            continue
        words = clean(" ".join(_inner(reference).split()))
        at = text.find(words, start) if words else -1
        if at >= 0:
            block.links.append((at, at + len(words), target))
            start = at + len(words)
    return block


def _reference(entry: etree._Element) -> str:
    raw = next((note for note in entry.iter(f"{_NAMESPACE}note") if note.get("type") == "raw_reference"), None)
    if raw is not None:
        return _text(raw)
    parts = []
    for person in entry.iter(f"{_NAMESPACE}persName"):
        parts.append(" ".join(_text(part) for part in person))
    for tag in ("title", "date", "biblScope", "ptr"):
        for element in entry.iter(f"{_NAMESPACE}{tag}"):
            parts.append(_text(element) or clean(element.get("when") or element.get("target") or ""))
    return ", ".join(part for part in parts if part)
