"""Which format a file has, told by its structure first and its name second; and the markup readers by format."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from typing import Final

from openbook.papers.blocks import Document, Unreadable

_MARKDOWN: Final = (".md", ".markdown", ".mdown", ".rmd", ".qmd")
_LATEX: Final = (".tex", ".ltx", ".latex")
_HTML: Final = (".html", ".htm", ".xhtml")
_XML: Final = (".xml", ".tei", ".nxml", ".jats")
#: Endings of the names of papers' files.
ENDINGS: Final = (".pdf", *_XML, *_LATEX, *_HTML, *_MARKDOWN, ".txt", ".gz", ".tgz", ".tar", ".zip")
#: How files of other formats begin, their format, and what its users call it.
_REFUSED: Final = (
    (b"{\\rtf", "rtf", "RTF"),
    (b"%!PS", "postscript", "PostScript"),
    (b"\x04%!PS", "postscript", "PostScript"),
    (b"\x1b%-12345X", "pjl", "a printer's job (PJL)"),
    (b"\xc5\xd0\xd3\xc6", "postscript", "PostScript (EPS)"),
    (b"\xf7\x02", "dvi", "DVI"),
    (b"AT&TFORM", "djvu", "DjVu"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "doc", "a Word document of the old kind (.doc)"),
)
#: Text that is no paper's, as its users call it, by the name of its kind.
_OTHER_TEXT: Final = {
    "json": "JSON (data or a notebook)",
    "svg": "a picture (SVG)",
    "bibtex": "a bibliography (BibTeX)",
    "source": "a program, a table or a mail",
}
_JSON: Final = re.compile(r"\s*[\[{]\s*(?:\{\s*)?\"")
_BIBTEX: Final = re.compile(r"(?:\s|%[^\n]*\n)*@(?:[a-z]{3,15})\s*\{[^\n{}]{0,200}[,=]", re.IGNORECASE)
_SOURCE: Final = frozenset(
    ".py .ipynb .js .ts .c .cc .cpp .h .java .r .m .jl .rs .go .sh .css .csv .tsv .toml .yaml .yml .eml .log".split()
)
_PROLOG: Final = r"\A(?>\s|<\?.{0,500}?\?>|<!--.{0,4000}?-->|(?P<doctype><!DOCTYPE[^>\[]{0,1000}(?:\[.{0,4000}?\]\s*)?>))*+"  # atomic: a prolog of many instructions has many readings, and trying them all would never end
_ROOT: Final = re.compile(_PROLOG + r"<(?:\w+:)?(?P<root>[A-Za-z][\w.-]*)", re.DOTALL | re.IGNORECASE)
_HTML_TAGS: Final = frozenset(
    "html head body div p h1 h2 h3 main section header article table center span meta title style script link".split()
)
_JATS_MARKS: Final = re.compile(r"<(?:\w+:)?(?:front|article-meta|sec|ref-list|journal-meta)[\s>]|\barticle-type\s*=")
_HTML_LINE: Final = re.compile(r"^\s*<html[\s>].*<body[\s>]", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_LATEX_LINE: Final = re.compile(r"^[ \t]*\\(?:documentclass|documentstyle|begin\s*\{document\})", re.MULTILINE)
_LATEX_FIRST: Final = re.compile(
    r"\A(?:\s|%[^\n]*\n|\\(?:PassOptionsToPackage|RequirePackage)[^\n]*\n)*\\document(?:class|style)\b"
)
_LATEX_SECTION: Final = re.compile(r"^[ \t]*\\(?:sub)*section\*?\s*\{", re.MULTILINE)
_HEADING_LINE: Final = re.compile(r"^#{1,4} \S", re.MULTILINE)
_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w-]{2,30})", re.IGNORECASE)


def detect(data: bytes, suffix: str = "") -> str:
    """The format of a file by its content, or by the ending of its name where the content leaves it open.

    ``pdf archive tei jats xml html latex markdown text``, ``binary``, or the name of a format that is refused
    (``refusal`` says how): ``rtf postscript pjl dvi djvu doc json svg bibtex source``.
    """
    from openbook.papers.archives import is_archive

    if b"%PDF-" in data[:1024] or (b"\n%PDF-" in data[:65536] and b"startxref" in data[-2048:]):
        return "pdf"  # some come with the headers of a mail or a server before them
    if is_archive(data):
        return "archive"
    for mark, name, _ in _REFUSED:
        if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(mark):
            return name
    head = decode(data[:4096])
    odd = sum((c < " " and c not in "\n\r\t\f\v\b\x1b") or c == "\ufffd" for c in head)
    if "\x00" in head or odd > 0.1 * max(len(head), 1):
        return "binary"
    return _markup_kind(decode(data[:200_000]).lstrip("\ufeff"), suffix.lower())


def _markup_kind(text: str, suffix: str) -> str:
    named = next((kind for kind, endings in (("latex", _LATEX), ("markdown", _MARKDOWN)) if suffix in endings), "")
    found = _ROOT.match(text)
    if found:
        root, doctype = found.group("root").lower(), (found.group("doctype") or "").lower()
        if root in ("tei", "teicorpus"):
            return "tei"
        if root in ("pmc-articleset", "oai-pmh") or (
            root == "article"
            and ("jats" in doctype or "nlm" in doctype or suffix == ".nxml" or _JATS_MARKS.search(text))
        ):
            return "jats"
        if root == "svg":
            return "svg"
        if root in ("html", "head", "body") or doctype.startswith("<!doctype html"):
            return "html"
        if not named and text.lstrip().startswith("<?xml"):
            return "xml"
        if not named and suffix not in _XML and root in _HTML_TAGS:
            return "html"
    if _LATEX_FIRST.match(text):
        return "latex"
    if not named and (suffix in _HTML or (_HTML_LINE.search(text[:20_000]) and not _LATEX_LINE.search(text))):
        return "html"
    if suffix in _XML:
        return "xml"
    if named:
        return named
    if _LATEX_LINE.search(text) or len(_LATEX_SECTION.findall(text)) > 1:
        return "latex"
    if text.lstrip().startswith("# ") and len(_HEADING_LINE.findall(text)) > 2:
        return "markdown"
    if _JSON.match(text):
        return "json"
    if _BIBTEX.match(text):
        return "bibtex"
    return "source" if suffix in _SOURCE else "text"


def refusal(kind: str, suffix: str = "") -> str | None:
    """Why files of a format are not read; None for a format that is."""
    advice = "give a PDF, TEI or JATS XML, LaTeX, HTML, Markdown or text file"
    spoken = {name: spoken for _, name, spoken in _REFUSED}.get(kind)
    if spoken:
        return f"not a paper format: {spoken}, which is not read; save it as PDF, or {advice}"
    if kind in _OTHER_TEXT:
        return f"not a paper: {_OTHER_TEXT[kind]}{f' (its name ends in {suffix})' if suffix else ''}; {advice}"
    if kind == "binary":
        return f"not a paper format: binary data{f' (its name ends in {suffix})' if suffix else ''}; {advice}"
    return None


def decode(data: bytes, *, html: bool = False) -> str:
    """The text of a file of unknown encoding: by its byte-order mark, as UTF-8, as what an HTML page says, or as Latin."""
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    for encoding in ("utf-16-le", "utf-16-be"):  # without a mark
        if b"\x00" in data[:64]:
            sample = data[:2000].decode(encoding, "replace")
            if sum(" " <= character < "\x7f" or character in "\r\n\t" for character in sample) > 0.8 * len(sample):
                return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start > len(data) - 4:  # cut in the middle of a character
            return data[: error.start].decode("utf-8-sig", "replace")
    named = _CHARSET.search(data[:4096]) if html else None
    if named:
        with suppress(LookupError):
            return data.decode(named.group(1).decode("ascii"), "replace")
    decoded = data.decode("utf-8-sig", "replace")
    few = decoded.count("\ufffd") < 0.02 * len(decoded)
    mixed = any(character > "\x7f" and character != "\ufffd" for character in decoded)
    return decoded if few and mixed else data.decode("cp1252", "replace")


def read_markup(data: bytes, kind: str) -> Document:
    """The document in a file of one of the formats ``tei jats xml html latex markdown text``.

    Raises ``Unreadable`` for XML that is damaged, refused or no paper.
    """
    if kind in ("tei", "jats", "xml"):
        from openbook.papers.xml_formats import read_xml

        return read_xml(data)
    if kind == "latex":
        from openbook.papers.latex import read_latex

        return read_latex({"main.tex": data}, "main.tex")
    text = decode(data, html=kind == "html")
    if kind == "html":
        from openbook.papers.html import read_html

        return read_html(text)
    from openbook.papers.text_formats import read_markdown, read_plain

    return read_markdown(text) if kind == "markdown" else read_plain(text)


def read_archive(data: bytes) -> tuple[str, Document | bytes]:
    """The LaTeX document in an archive and its path, or the path and content of the one other paper in it.

    Raises ``Unreadable`` for archives that cannot be unpacked and for those that hold no paper.
    """
    from openbook.papers.archives import main_files, unpack
    from openbook.papers.latex import read_latex

    files = unpack(data)
    mains = main_files(files)
    if mains:
        first, *others = [read_latex(files, main) for main in mains]
        first.blocks.extend(block for other in others for block in other.blocks)
        return mains[0], first
    papers = [path for ending in (".nxml", ".pdf") for path in files if path.lower().endswith(ending)]
    if not papers and len(files) == 1:
        papers = [path for path in files if not path.endswith((".sty", ".cls", ".bbl"))]
    if papers and detect(files[papers[0]]) not in ("archive", "binary"):
        return papers[0], files[papers[0]]
    raise Unreadable(
        "not a paper: the archive holds no LaTeX document (a .tex file with \\documentclass), no JATS file (.nxml), no PDF"
    )
