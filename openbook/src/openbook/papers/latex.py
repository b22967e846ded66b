"""LaTeX source: one file, or the files of an archive, as blocks. Nothing is run; ``\\input`` stays in the archive."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from openbook.papers.blocks import Block
from openbook.papers.characters import clean
from openbook.papers.macros import Macros, argument, plain
from openbook.papers.paper import SentenceKind

LONGEST = 8_000_000
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*")
_COMMENT_BLOCKS = re.compile(r"\\begin\{comment\}.*?\\end\{comment\}|\\iffalse\b.*?\\fi\b", re.DOTALL)
_VERBATIM = re.compile(r"\\begin\{(verbatim|lstlisting|minted)\*?\}(.*?)\\end\{\1\*?\}", re.DOTALL)
_INPUT = re.compile(r"\\(?:input|include|subfile)\s*\{([^{}]{1,300})\}|\\input\s+([^\s\\{}]{1,300})")
_STRUCTURE = re.compile(
    r"\\(?P<section>part|chapter|section|subsection|subsubsection|paragraph)\*?\s*(?:\[[^\[\]]*\])?\s*(?=\{)"
    r"|\\(?P<caption>caption|captionof\{\w+\})\*?\s*(?:\[[^\[\]]*\])?\s*(?=\{)"
    r"|\\(?P<footnote>footnote|footnotetext|thanks)\s*(?:\[[^\[\]]*\])?\s*(?=\{)"
    r"|\\(?P<appendix>appendix|appendices)\b|\\begin\{(?P<begin>[\w*]+)\}|\\end\{(?P<end>[\w*]+)\}"
    r"|\\bibitem\s*(?:\[(?:[^\[\]{}]|\{[^{}]*\})*\])?\s*(?P<bibitem>\{[^{}]*\})|\\(?P<item>item)\b"
    r"|(?P<paragraph>\n[ \t]*\n\s*)"
)
_LEVELS = {"part": 1, "chapter": 1, "section": 1, "subsection": 2, "subsubsection": 3, "paragraph": 4}
_FLOATS = frozenset(
    ["figure", "figure*", "table", "table*", "wrapfigure", "wraptable", "algorithm", "algorithm*", "listing"]
)


@dataclass(slots=True)
class LatexPaper:
    """The blocks of a LaTeX document, title and authors."""

    blocks: list[Block] = field(default_factory=list)
    title: str = ""
    authors: list[str] = field(default_factory=list)


def looks_like_latex(text: str) -> bool:
    """Whether a text is LaTeX source."""
    head = text[:200_000]
    return "\\documentclass" in head or "\\begin{document}" in head or len(re.findall(r"\\section\*?\{", head)) > 1


def decode(data: bytes) -> str:
    """Source text of unknown encoding."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def main_file(files: dict[str, bytes]) -> str | None:
    """The path of the document itself among the files of an archive; None if no file is a LaTeX document."""
    best: tuple[tuple[bool, bool, bool, int], str] | None = None
    for path, data in files.items():
        if posixpath.splitext(path)[1].lower() not in (".tex", ".ltx", ".latex", ""):
            continue
        text = decode(data)
        if "\\documentclass" not in text and "\\begin{document}" not in text and "\\documentstyle" not in text:
            continue
        rank = ("\\begin{document}" in text, "\\title" in text or "\\input" in text, "/" not in path, len(text))
        if best is None or rank > best[0]:
            best = rank, path
    return best[1] if best else None


def read_latex(files: dict[str, bytes], main: str) -> LatexPaper:
    """The blocks of the document ``main`` with the files that it inputs."""
    source = _resolve(files, main)
    preamble, body = _split(source)
    macros = Macros.of(source)
    paper = LatexPaper()
    paper.title = plain(macros.expand(_command(source, "title") or _command(source, "icmltitle") or ""))
    paper.authors = _authors(source, macros)
    if paper.title:
        paper.blocks.append(Block(paper.title))
    if paper.authors:
        paper.blocks.append(Block(", ".join(paper.authors)))
    abstract = _command(preamble, "abstract")
    if abstract:
        body = f"\\begin{{abstract}}{abstract}\\end{{abstract}}\n\n{body}"
    paper.blocks.extend(_blocks(macros.expand(body)))
    bibliography = posixpath.splitext(main)[0] + ".bbl"
    if "\\begin{thebibliography}" not in body and bibliography in files:
        paper.blocks.extend(_blocks(macros.expand(_strip(decode(files[bibliography])))))
    return paper


def _strip(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _VERBATIM.sub(
        lambda match: "\n\n" + match.group(2).replace("%", r"\%").replace("\\", r"\textbackslash ") + "\n\n", text
    )
    text = _COMMENT.sub(r"\1", text)
    return _COMMENT_BLOCKS.sub("", text)


def _resolve(files: dict[str, bytes], main: str) -> str:
    """The main file with its inputs put in: each at most eight deep, the whole at most ``LONGEST`` characters."""
    folder = posixpath.dirname(main)
    budget = LONGEST

    def include(path: str, depth: int, above: frozenset[str]) -> str:
        nonlocal budget
        text = _strip(decode(files[path])[:LONGEST])
        budget -= len(text)
        if budget < 0 or depth > 8:
            return ""

        def replace(match: re.Match[str]) -> str:
            name = (match.group(1) or match.group(2) or "").strip().strip('"')
            for base in (folder, posixpath.dirname(path), ""):
                for ending in ("", ".tex"):
                    target = posixpath.normpath(posixpath.join(base, name + ending))
                    if target in files and target not in above:
                        return "\n" + include(target, depth + 1, above | {target}) + "\n"
            return " "

        return _INPUT.sub(replace, text)

    return include(main, 0, frozenset([main]))


def _split(source: str) -> tuple[str, str]:
    start = source.find("\\begin{document}")
    if start < 0:
        return "", source
    end = source.rfind("\\end{document}")
    return source[:start], source[start + len("\\begin{document}") : end if end > start else len(source)]


def _command(source: str, name: str) -> str | None:
    """The argument of the first use of a command."""
    found = re.search(rf"\\{name}\s*(?:\[[^\[\]]*\])?\s*(?=\{{)", source)
    return argument(source, found.end())[0] if found else None


def _authors(source: str, macros: Macros) -> list[str]:
    names: list[str] = []
    given = [argument(source, m.end())[0] for m in re.finditer(r"\\icmlauthor\s*(?=\{)", source)]
    if not given:
        raw = [argument(source, m.end())[0] for m in re.finditer(r"\\author\s*(?:\[[^\[\]]*\])?\s*(?=\{)", source)]
        given = [piece for part in raw for piece in re.split(r"\\(?:and|And|AND)\b", part)]
        given = [
            re.split(
                r"\\\\|\n\s*\n",
                re.sub(
                    r"\\(?:thanks|footnotemark|inst|textsuperscript)\s*(?:\[[^\]]*\])?\{[^{}]*\}", "", piece
                ).strip(),
            )[0]
            for piece in given
        ]
        given = [name for piece in given for name in re.split(r",|;|\\quad|\\qquad|~~|\s&\s", piece)]
    for piece in given[:300]:
        name = re.sub(r"[\d*†‡∗$^]+", "", plain(macros.expand(piece))).strip(" ,;")
        if 3 < len(name) < 60 and 2 <= len(name.split()) <= 6 and "@" not in name and name not in names:
            names.append(name)
    return names


def _blocks(body: str) -> Iterator[Block]:
    """The blocks of a document's body: one pass over its structural commands."""
    position = 0
    label = ""
    aside: list[Block] = []
    pending = ""
    number = [0, 0, 0, 0]
    appendix = False

    def finish(text: str, *, entry: bool = False) -> Iterator[Block]:
        words, links = _words(text)
        if words:
            yield Block(words, "text", links=links, entry=entry)

    for found in _STRUCTURE.finditer(body):
        if found.start() < position:
            continue
        pending += body[position : found.start()]
        position = found.end()
        name = found.lastgroup
        if name == "section":
            yield from finish(pending, entry=label == "reference")
            yield from aside
            aside, pending, label = [], "", ""
            inner, position = argument(body, found.end())
            title, level = plain(inner), _LEVELS[found.group("section")]
            if title and level < 4:
                starred = "*" in found.group()
                yield Block(
                    title if starred else f"{_number(number, level, appendix)} {title}", "heading", level, marked=True
                )
            elif title:
                pending = title + ("" if title.endswith((".", ":", "?")) else ".") + " "
        elif name in ("caption", "footnote"):
            inner, position = argument(body, found.end())
            words, links = _words(inner)
            if words:
                prefix = {"figure": "Figure: ", "table": "Table: ", "algorithm": "Algorithm: "}.get(
                    label.rstrip("*"), ""
                )
                noted: SentenceKind = "caption" if name == "caption" else "footnote"
                shift = len(prefix) if noted == "caption" else 0
                aside.append(
                    Block(
                        (prefix if shift else "") + words, noted, links=[(s + shift, e + shift, u) for s, e, u in links]
                    )
                )
        elif name == "appendix":
            yield from finish(pending)
            yield from aside
            aside, pending = [], ""
            appendix, number = True, [0, 0, 0, 0]
            yield Block("Appendix", "heading", 1, marked=True)
        elif name == "begin":
            environment = found.group("begin")
            if environment == "abstract":
                yield from finish(pending)
                pending = ""
                yield Block("Abstract", "heading", 1, marked=True)
            elif environment == "thebibliography":
                yield from finish(pending)
                pending = ""
                yield Block("References", "heading", 1, marked=True)
                _, position = argument(body, position)
            elif environment in _FLOATS:
                label = environment
            elif environment in ("tabular", "tabular*", "tikzpicture"):
                pending += " "
        elif name == "end":
            environment = found.group("end")
            if environment in _FLOATS or environment in ("abstract", "thebibliography"):
                yield from finish(pending, entry=label == "reference")
                yield from aside
                aside, pending, label = [], "", ""
        elif name == "bibitem":
            yield from finish(pending, entry=label == "reference")
            pending, label = "", "reference"
        elif name == "item":
            yield from finish(pending)
            pending = ""
        elif label != "reference":  # an empty line
            yield from finish(pending)
            yield from aside
            aside, pending = [], ""
        else:
            pending += " "
    yield from finish(pending + body[position:], entry=label == "reference")
    yield from aside


def _number(number: list[int], level: int, appendix: bool) -> str:
    number[level - 1] += 1
    for below in range(level, 4):
        number[below] = 0
    parts = [str(part) for part in number[:level]]
    if appendix:
        parts[0] = chr(ord("A") + (number[0] - 1) % 26) if number[0] else "A"
    return ".".join(parts)


_LINK = re.compile(r"\\(href|url|nolinkurl|path)\s*(?=\{)")


def _words(text: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Plain words of a stretch of LaTeX, and its links."""
    links: list[tuple[int, int, str]] = []
    if "\\href" not in text and "\\url" not in text:
        return plain(text), links
    words, position = "", 0
    for found in _LINK.finditer(text):
        if found.start() < position:
            continue
        before = plain(text[position : found.start()])
        spaced = (
            text[max(found.start() - 1, 0) : found.start()].isspace() or text[found.start() - 1 : found.start()] == "~"
        )
        words = f"{words} {before}".strip() if words and before[:1] not in ".,;:)" else words + before
        target, position = argument(text, found.end())
        url = target.replace("\\", "").replace(" ", "").strip()
        anchor = url
        if found.group(1) == "href":
            inner, position = argument(text, position)
            anchor = plain(inner) or url
        joint = " " if words and (spaced or words[-1].isalnum()) and not words.endswith("(") else ""
        words += joint
        if url.lower().startswith(("http://", "https://", "ftp://")):
            links.append((len(words), len(words) + len(anchor), url))
        words += anchor
    rest = plain(text[position:])
    words = words + rest if rest[:1] in ".,;:)]}" else f"{words} {rest}"
    return clean(words.rstrip()) if not links else words.rstrip(), links
