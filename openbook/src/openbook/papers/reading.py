"""Reading a paper from a file or a text, whatever its format, through the gates that a text must pass.

Bad content never raises: ``Paper.problem`` says why. A gate finds out whether what was read is a text that anybody can
assess.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.files import sha256
from openbook.papers.blocks import Block, Document, Unreadable, build
from openbook.papers.characters import IDEOGRAPHS
from openbook.papers.fetch import local_path
from openbook.papers.formats import detect, read_archive, read_markup, refusal
from openbook.papers.paper import Paper

SAMPLE = 20_000
"""Characters that are looked at."""
FEWEST_WORDS = 60
"""Less text than this is a file name, a cover sheet or an error page, and no paper."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_COMMON = frozenset(
    (
        "the of and to in is for we that with on as by are this an be or der die und le la les des et el los de en que di il "
        "da do um"
    ).split()
)
_VOWEL = re.compile(r"[aeiouyıæøœə]")

_KINDS = {
    "a preface": r"preface|foreword|editorial|welcome(?: message)?|message from the [\w ]{3,40}|opening remarks",
    "a table of contents": r"(?:table of )?contents|list of (?:papers|articles|contents)",
    "a list of names": (
        r"(?:conference |program(?:me)? |organi[sz]ing |scientific |steering )?(?:committees?|organi[sz]ers|organi[sz]ation)|"
        r"(?:list of )?(?:reviewers|area chairs)|author index|index of authors|index"
    ),
    "a call for papers": r"call for (?:papers|participation)",
}
_OTHER_KINDS = {
    name: re.compile(
        rf"(?:{pattern})(?:\s*[:–—-].{{0,80}}| (?:of|to|for) (?:the|this|volume) .{{0,80}})?\W*", re.IGNORECASE
    )
    for name, pattern in _KINDS.items()
}
_LEADERS = re.compile(r"(?:\.\s?){4,}\s*\d{1,4}\b")
_OWN_PARTS = re.compile(r"(?:\d\.?\s*)?(?:abstract|introduction)\b", re.IGNORECASE)


def problem_of(paper: Paper, *, scanned_pages: int = 0, hidden: int = 0) -> str | None:
    """Why this text cannot be assessed, None if it can. ``scanned_pages``: pages that are one image without text."""
    words = _WORD.findall(paper.text[:SAMPLE])
    pages = len(paper.pages)
    if scanned_pages and len(words) < max(FEWEST_WORDS, min(25 * pages, 400)):
        return f"scanned: {scanned_pages} of {pages} pages are images without text; run text recognition (OCR) first"
    if not words:
        if hidden:
            return f"empty: all of its {hidden} characters are hidden from readers"
        return "empty: there is no text in it"
    if _count(words) < FEWEST_WORDS:
        return f"too short: {_count(words)} words of text are not a paper (a paper has at least {FEWEST_WORDS})"
    if _garbled(paper.text, words):
        return "garbled: its characters do not make words (fonts without a character map, or binary data)"
    kind = _other_kind(paper)
    return f"not a paper: it is {kind}; give the paper itself" if kind else None


def _other_kind(paper: Paper) -> str:
    """What this text is, if it is one of the other things that a volume of papers holds; empty for a paper."""
    if any(_OWN_PARTS.match(section.title) for section in paper.sections):
        return ""
    first = [paper.title, *(section.title for section in paper.sections[:2])]
    first += [paper.words(sentence) for sentence in paper.sentences[:2]]
    for name, pattern in _OTHER_KINDS.items():
        if any(len(line) < 100 and pattern.fullmatch(line.strip()) for line in first):
            return name
    if len(_LEADERS.findall(paper.text)) >= max(10, 0.02 * len(paper.text.split())):
        return "a table of contents"
    return ""


def _count(words: list[str]) -> int:
    """How many words there are, where two letters of a script without spaces count as one."""
    return sum(len(word) // 2 if IDEOGRAPHS.match(word) else 1 for word in words)


def _garbled(text: str, words: list[str]) -> bool:
    sample = [_bare(word) for word in words[:800]]
    common = sum(word in _COMMON for word in sample) / len(sample)
    packed = "".join(text[:SAMPLE].split())
    letters = sum(map(str.isalpha, packed))
    if not packed.isascii():  # vowel signs and accents of their own belong to letters
        letters += sum(unicodedata.category(mark)[0] == "M" for mark in packed if mark > "\u02ff")
    share = letters / max(len(packed), 1)
    if sum(word.isascii() for word in sample) / len(sample) < 0.3:
        # Another script: only symbols and scraps of letters are garbage there.
        return share < 0.4
    voiced = sum(bool(_VOWEL.search(word)) for word in sample) / len(sample)
    together = "".join(sample)
    vowels = len(_VOWEL.findall(together)) / max(len(together), 1)
    # Words of any language in Latin letters have vowels, in every word and in a natural number; shifted letters do not.
    pronounced = voiced > 0.94 and 0.32 < vowels < 0.6 and share > 0.6 and len(set(sample)) > 10
    unknown = (common < 0.02 and share < 0.85) or common < 0.005 or (common < 0.08 and voiced < 0.94)
    return (unknown and not pronounced) or voiced < 0.4 or share < 0.3


def _bare(word: str) -> str:
    """A word in lower case without its accents."""
    if word.isascii():
        return word.lower()
    return "".join(part for part in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(part))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one paper may cost: megabytes of the file (of markup), pages, and characters (in all, and on one page)."""

    megabytes: int = 200
    markup_megabytes: int = 20
    pages: int = 1000
    characters: int = 5_000_000
    page_characters: int = 100_000


DEFAULT_LIMITS = Limits()


def read_paper(source: str | Path, *, limits: Limits = DEFAULT_LIMITS) -> Paper:
    """Read a paper from a file, an arXiv id or an address, in this process. For files of strangers use ``read_safely``.

    The format is told by the content first, by the name second. Raises ``OpenbookError`` when there is no such file or
    it cannot be downloaded; whatever is wrong with its content is ``Paper.problem``.
    """
    path = local_path(source)
    size = path.stat().st_size
    if size > limits.megabytes << 20:
        problem = f"too large: {size / 1e6:.0f} MB, the limit is {limits.megabytes} MB"
        return Paper("", str(source), path.suffix.lower().lstrip(".") or "unknown", "", problem=problem)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OpenbookError(f"{path} cannot be read ({error.strerror})") from None
    if path.suffix.lower() in (".tex", ".ltx") and detect(data, path.suffix) == "latex":
        return _read_latex(path, data, Paper("", str(source), "latex", sha256(data)), limits)
    return read_bytes(data, source=str(source), suffix=path.suffix, limits=limits)


def _is_record(data: bytes) -> bool:
    """Whether the content is one of our own records, whose quotes must not be taken for a paper's text."""
    if data.lstrip()[:1] != b"{" or b'"answers"' not in data:
        return False
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"paper", "answers", "scores", "run"} <= set(found)


def read_bytes(data: bytes, *, source: str, suffix: str = "", limits: Limits = DEFAULT_LIMITS) -> Paper:
    """Read a paper from the content of a file. ``suffix`` is the ending of its name, such as ``.tex``."""
    kind = detect(data, suffix)
    paper = Paper(text="", source=source, format=kind, sha256=sha256(data))
    if not data.strip():
        paper.problem = "empty: there is nothing in the file"
    elif kind == "pdf":
        return _read_pdf(data, paper, limits)
    elif kind == "archive":
        return _read_archive(data, paper, limits)
    elif _is_record(data):
        paper.problem = "not a paper: it is a record that openbook assess wrote; openbook show shows it"
    elif refused := refusal(kind, suffix):
        paper.problem = refused
    elif len(data) > limits.markup_megabytes << 20:
        paper.problem = f"too large: {len(data) / 1e6:.0f} MB of markup, the limit is {limits.markup_megabytes} MB"
    else:
        return _read_markup(data, paper, kind, limits)
    return paper


def read_text(text: str, source: str = "text", *, limits: Limits = DEFAULT_LIMITS) -> Paper:
    """Read the text of a paper that was already extracted: paragraphs between blank lines, pages between form feeds."""
    from openbook.papers.text_formats import read_plain

    paper = Paper("", source, "text", sha256(text))
    if len(text) > limits.characters:
        paper.problem = f"too large: {len(text):,} characters, the limit is {limits.characters:,}"
        return paper
    return _from_document(paper, read_plain(text), limits)


def _read_markup(data: bytes, paper: Paper, kind: str, limits: Limits) -> Paper:
    try:
        document = read_markup(data, kind)
    except Unreadable as problem:
        paper.problem = str(problem)
        return paper
    return _from_document(paper, document, limits)


def _read_latex(path: Path, data: bytes, paper: Paper, limits: Limits) -> Paper:
    """A LaTeX file with the files that it reads from its own folder."""
    from openbook.papers.archives import with_inputs
    from openbook.papers.latex import read_latex

    if len(data) > limits.markup_megabytes << 20 or not data.strip():
        return read_bytes(data, source=paper.source, suffix=path.suffix, limits=limits)
    files = with_inputs(path, data)
    if len(files) == 1:
        return read_bytes(data, source=paper.source, suffix=path.suffix, limits=limits)
    try:
        document = read_latex(files, path.name)
    except Unreadable as problem:
        paper.problem = str(problem)
        return paper
    return _from_document(paper, document, limits)


def _read_archive(data: bytes, paper: Paper, limits: Limits) -> Paper:
    try:
        path, found = read_archive(data)
    except Unreadable as problem:
        paper.problem = str(problem)
        return paper
    if isinstance(found, bytes):
        inner = read_bytes(found, source=paper.source, suffix=Path(path).suffix, limits=limits)
        inner.sha256 = paper.sha256
        return inner
    paper.format = "latex"
    return _from_document(paper, found, limits)


def _from_document(paper: Paper, document: Document, limits: Limits) -> Paper:
    length = sum(len(block.text) for block in document.blocks)
    if length > limits.characters:
        paper.problem = f"too large: {length:,} characters, the limit is {limits.characters:,}"
        return paper
    return _built(paper, document.blocks, title=document.title, authors=document.authors, page_count=document.pages)


def _read_pdf(data: bytes, paper: Paper, limits: Limits) -> Paper:
    from openbook.papers.pdf import read_pdf
    from openbook.papers.pdfium import PdfProblem

    try:
        found = read_pdf(
            data,
            most_pages=limits.pages,
            most_characters=limits.characters,
            page_characters=limits.page_characters,
        )
    except PdfProblem as problem:
        paper.problem = str(problem)
        return paper
    front = found.front
    built = _built(
        paper,
        found.blocks,
        title=front.title,
        authors=front.authors,
        page_count=found.page_count,
        loose_links=found.loose_links,
        scanned_pages=found.scanned_pages,
        hidden=found.hidden,
    )
    built.venue, built.year = front.venue, front.year
    built.problem = built.problem or found.lost or None
    return built


def _built(paper: Paper, blocks: list[Block], *, scanned_pages: int = 0, hidden: int = 0, **found: object) -> Paper:
    made = build(blocks, source=paper.source, format=paper.format, sha256=paper.sha256, **found)  # type: ignore[arg-type]
    made.problem = problem_of(made, scanned_pages=scanned_pages, hidden=hidden)
    return made
