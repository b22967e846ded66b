"""PDF files: pages in, the blocks of a paper out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from openbook.papers import pdfium
from openbook.papers.blocks import Block
from openbook.papers.characters import PaperWords, clean
from openbook.papers.frontmatter import FrontMatter, front_matter
from openbook.papers.hidden import has_layers_off
from openbook.papers.layout import PrintedRow, lay_out
from openbook.papers.paper import Link
from openbook.papers.paragraphs import Group, paragraphs
from openbook.papers.pdfium import PdfProblem
from openbook.papers.text_lines import RawPage
from openbook.papers.weblinks import continues_url, mend, note_link

_WEB = ("http", "ftp")
_MOST_LOST = 400
"""Letters that a page may lose without a word."""


_UNSPACED = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
"""Chinese and Japanese letters, between which no line's end is a space."""


@dataclass(slots=True)
class PdfDocument:
    """The document that the pages of a PDF give."""

    blocks: list[Block]
    front: FrontMatter
    page_count: int
    loose_links: list[Link] = field(default_factory=list)
    scanned_pages: int = 0
    """Pages that are images without text."""
    hidden: int = 0
    """Characters that no reader sees."""
    lost: str = ""
    """Which pages lost most of their text, and why; empty if none did."""


def read_pdf(data: bytes, *, most_pages: int, most_characters: int, page_characters: int) -> PdfDocument:
    """The blocks of a PDF, its title, authors and links. Raises ``PdfProblem`` with the reason if there is none."""
    start = data.find(b"%PDF-")
    if start > 1000:  # PDFium looks no further
        data = data[start:]
    pages: list[RawPage] = []
    loaded = characters = 0
    layered = has_layers_off(data)
    with pdfium.opened(data) as document:
        count = pdfium.page_count(document)
        if count > most_pages:
            raise PdfProblem(f"too large: {count} pages, the limit is {most_pages}")
        for index in range(count):
            found = pdfium.read_page(document, index, page_characters, layered=layered)
            loaded += bool(found)
            pages.extend(found)
            characters += sum(len(line.text) for page in found for line in page.lines)
            if characters > most_characters:
                raise PdfProblem(f"too large: more than {most_characters:,} characters")
        named = pdfium.metadata(document, "Title")
    if not loaded:
        raise PdfProblem("damaged: none of its pages can be loaded" if count else "empty: the PDF has no pages")
    scanned = sum(page.images > 0.5 and not page.lines for page in pages if not page.turned)
    made = assemble(pages, count)
    made.front.title = made.front.title or named
    made.scanned_pages = scanned
    if loaded < 0.5 * count:
        made.lost = f"damaged: only {loaded} of {count} pages can be loaded"
    return made


def assemble(pages: list[RawPage], count: int) -> PdfDocument:
    """The document of these pages, in the order of reading."""
    layout = lay_out(pages)
    for row in layout.rows:
        _tidy(row)
    layout.rows = [row for row in layout.rows if row.text]
    vocabulary = PaperWords(_unbroken(layout.rows))
    made = PdfDocument([], front_matter(layout), count, hidden=sum(page.hidden for page in pages))
    made.blocks = [_block(group, vocabulary) for group in paragraphs(layout, vocabulary)]
    made.loose_links = _mend_links(made.blocks, pages)
    made.lost = _lost(pages, layout.furniture.lost)
    return made


def _mend_links(blocks: list[Block], pages: list[RawPage]) -> list[Link]:
    """Make visible addresses whole by the links of their pages, and note the others on the words that they are behind.

    The links that are behind no words come back.
    """
    addresses: dict[int, list[str]] = {}
    boxed = [(page.number, url, box) for page in pages for url, box in page.links if url.lower().startswith(_WEB)]
    for number, url, _ in boxed:
        addresses.setdefault(number, []).append(url)
    shown: set[tuple[int, str]] = set()
    placed: dict[int, list[Block]] = {}
    for block in blocks:
        numbers = {number for _, number in block.pages}
        mend(block, list(dict.fromkeys(url for number in numbers for url in addresses.get(number, ()))))
        shown.update((number, url) for _, _, url in block.links for number in numbers)
        for number in numbers:
            placed.setdefault(number, []).append(block)
    for number, url, box in boxed:
        if any(note_link(block, number, url, box) for block in placed.get(number, ())):
            shown.add((number, url))
    loose = dict.fromkeys((number, url) for number, url, _ in boxed)
    return [Link(url, number) for number, url in loose if (number, url) not in shown]


def _lost(pages: list[RawPage], lost: dict[int, int]) -> str:
    """Which pages lost most of their letters."""
    kept: dict[int, int] = {}
    unseen: dict[int, int] = {}
    for page in pages:
        kept[page.number] = kept.get(page.number, 0) + sum(len(line.text) for line in page.lines)
        unseen[page.number] = unseen.get(page.number, 0) + page.hidden
    for reason, share, left_out in (
        ("run in a direction that cannot be read", 1, lost),
        ("cannot be seen by a reader", 2, unseen),
    ):
        numbers = [n for n, letters in left_out.items() if letters > max(_MOST_LOST, share * kept.get(n, 0))]
        if numbers:
            named = ", ".join(map(str, numbers[:5])) + (" and others" if len(numbers) > 5 else "")
            return f"damaged: most letters of page {named} were left out because they {reason}"
    return ""


def _tidy(row: PrintedRow) -> None:
    """Clean the text of a row that was joined of fragments, and part a raised mark from its first word."""
    if len(row.parts) > 1:
        text, row.text = row.text, clean(row.text)
        if len(text) != len(row.text):
            row.parts = [(len(clean(text[:at])) + text[:at].endswith(" ") if at else 0, line) for at, line in row.parts]
    if row.mark and len(row.text) > row.mark and not row.text[row.mark].isspace():
        mark = row.mark
        line, text = row.parts[0][1], row.text
        row.text = f"{text[:mark]} {text[mark:]}"
        row.parts = [(at + 1 if at >= mark else at, other) for at, other in row.parts]
        if line.run is not None and len(line.text) > mark:
            line.run.stops = [(at + 1 if at >= mark else at, place) for at, place in line.run.stops]


def _unbroken(rows: list[PrintedRow]) -> Iterator[str]:
    """The words of the rows, without the halves of words that a line's end broke."""
    broken = False
    for row in rows:
        words = row.text
        if broken:
            words = words.partition(" ")[2]
        broken = row.broken or words.endswith("-")
        yield words.rpartition(" ")[0] if broken else words


def _block(group: Group, vocabulary: PaperWords) -> Block:
    """A group as text, with the pages and the places of its pieces."""
    if group.kind == "heading":
        block = Block(group.title, "heading", marked=True)
        _place(block, group.rows[0], 0, len(group.title))
        at = len(group.rows[0].text) + 1
        for row in group.rows[1:]:
            _place(block, row, at, len(group.title))
            at += len(row.text) + 1
        return block
    text = ""
    broken = False
    places: list[tuple[int, PrintedRow]] = []
    for row in group.rows:
        if not text:
            text = row.text
        elif broken:
            text = f"{text}-{row.text}" if continues_url(text + "-", row.text) else vocabulary.join(text, row.text)
        elif text[-1] == "-" and row.text[0].islower() and text[-2:-1].isalpha():
            text = vocabulary.join(text[:-1], row.text)
        elif continues_url(text, row.text) or (_UNSPACED.match(text[-1]) and _UNSPACED.match(row.text)):
            text += row.text
        else:
            text = f"{text} {row.text}"
        broken = row.broken and not text.endswith("-")
        places.append((len(text) - len(row.text), row))
    if broken:
        text += "-"
    block = Block(text, group.kind, entry=group.graphic or (group.entry and len(text) < 1500))
    for at, row in places:
        _place(block, row, at, len(text))
    return block


def _place(block: Block, row: PrintedRow, at: int, length: int) -> None:
    """Note the page and the runs of a row whose text begins at this place of the block."""
    if not block.pages or row.page > block.pages[-1][1]:
        block.pages.append((at if block.pages else 0, row.page))
    for offset, line in row.parts:
        run = line.run
        if run is not None:
            run.start = at + offset
            run.end = min(run.start + run.stops[-1][0], length)
            if run.start < run.end:
                block.runs.append(run)
