"""Reading a paper from a file or a text, whatever its format. Bad content never raises: ``Paper.problem`` says why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.papers.blocks import build
from openbook.papers.paper import Paper


@dataclass(frozen=True, slots=True)
class Limits:
    """What one paper may cost: bytes of the file, pages, and characters of text (in all, and on one page)."""

    megabytes: int = 200
    pages: int = 1000
    characters: int = 5_000_000
    page_characters: int = 200_000


DEFAULT_LIMITS = Limits()


def read_paper(source: str | Path, *, limits: Limits = DEFAULT_LIMITS) -> Paper:
    """Read a paper from a file, in this process.

    Raises ``OpenbookError`` only when there is no such file; whatever is wrong with its content is ``Paper.problem``.
    """
    path = Path(source)
    if not path.is_file():
        raise OpenbookError(f"there is no file {str(path)!r}: give the path of a paper")
    data = path.read_bytes()
    name, sha256 = str(source), hashlib.sha256(data).hexdigest()
    if data[:1024].lstrip().startswith(b"%PDF-"):
        return _read_pdf(data, name, sha256, limits)
    return read_text(data.decode("utf-8", "replace"), source=name)


def read_text(text: str, source: str = "text") -> Paper:
    """Read the text of a paper that was already extracted: paragraphs between blank lines, pages between form feeds."""
    from openbook.papers.plain import paragraphs

    sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    blocks, pages = paragraphs(text)
    title = blocks[0].text if blocks and len(blocks[0].text) < 250 else ""
    return build(blocks, source=source, format="text", sha256=sha256, title=title, page_count=pages)


def _read_pdf(data: bytes, source: str, sha256: str, limits: Limits) -> Paper:
    from openbook.papers import pdf, pdfium

    paper = Paper(text="", source=source, format="pdf", sha256=sha256)
    try:
        with pdfium.opened(data) as document:
            count = pdfium.page_count(document)
            raw = [
                pdfium.read_page(document, index, limits.page_characters) for index in range(min(count, limits.pages))
            ]
    except pdfium.PdfProblem as problem:
        paper.problem = str(problem)
        return paper
    found = pdf.assemble([page for page in raw if page])
    return build(
        found.blocks,
        source=source,
        format="pdf",
        sha256=sha256,
        title=found.front.title,
        authors=found.front.authors,
        page_count=count,
        loose_links=found.loose_links,
    )
