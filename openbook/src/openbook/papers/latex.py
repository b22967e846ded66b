"""LaTeX documents: title, authors, sections, floats, footnotes and references as blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from openbook.papers.blocks import Block, Document
from openbook.papers.characters import NOTE_CALL
from openbook.papers.latex_scanner import argument
from openbook.papers.latex_source import LatexSource, read_source
from openbook.papers.latex_words import words, words_and_links
from openbook.papers.paper import SentenceKind

_STRUCTURE: Final = re.compile(
    r"\\(?P<section>part|chapter|section|subsection|subsubsection|paragraph)\*?\s*(?:\[[^\[\]]*\])?\s*(?=\{)"
    r"|\\(?P<caption>caption|captionof\s*\{\w+\})\*?\s*(?:\[[^\[\]]*\])?\s*(?=\{)"
    r"|\\(?P<footnote>footnote|footnotetext|thanks)\s*(?:\[[^\[\]]*\])?\s*(?=\{)"
    r"|\\(?P<mark>footnotemark(?![A-Za-z])\s*(?:\[[^\[\]]*\])?)"
    r"|\\(?P<appendix>appendix|appendices)\b|\\begin\{(?P<begin>[\w*]+)\}|\\end\{(?P<end>[\w*]+)\}"
    r"|\\bibitem\s*(?:\[(?:[^\[\]{}]|\{[^{}]*\})*\])?\s*(?P<bibitem>\{[^{}]*\})|\\(?P<item>item)\b"
    r"|(?P<empty>\n[ \t]*\n\s*)"
)
_LEVELS: Final = {"part": 1, "chapter": 1, "section": 1, "subsection": 2, "subsubsection": 3, "paragraph": 4}
_FLOATS: Final = frozenset(
    (
        "figure figure* table table* wrapfigure wraptable algorithm algorithm* listing SCfigure sidewaystable longtable"
    ).split()
)
_LISTS: Final = frozenset(["itemize", "enumerate", "description", "compactitem", "compactenum"])
_TABLES: Final = frozenset(["tabular", "tabular*", "tabularx", "tabulary", "longtable"])


def read_latex(files: dict[str, bytes], main: str) -> Document:
    """The blocks of the document ``main`` with the files that it puts in."""
    source = read_source(files, main)
    notes: list[str] = []
    titles = (words(_without_notes(given[0], notes)) for given in source.given("title", "icmltitle"))
    document = Document(title=next(filter(None, titles), ""))
    document.authors, block = _front_matter(source)
    block += [Block(note, "footnote") for note in notes if note]
    if document.title:
        document.blocks.append(Block(document.title))
    document.blocks += block
    abstract = next(source.given("abstract"), None)
    body = source.body
    if abstract:
        body = f"\\begin{{abstract}}{abstract[0]}\\end{{abstract}}\n\n{body}"
    document.blocks.extend(_Structure(body).blocks())
    return document


_NOTES: Final = re.compile(r"\\(?:thanks|footnote|footnotetext|tnotetext)\s*(?:\[[^\[\]]*\])?\s*(?=\{)")
_MARKS: Final = re.compile(
    r"\\(?:inst|textsuperscript|IEEEauthorrefmark|footnotemark|orcidID|orcid|orcidlink|tnoteref|fnref|corref|authormark|samethanks)(?![A-Za-z])"
    r"\s*(?:\[[^\[\]]*\])?(?:\{[^{}]*\})?|\$\s*\^?\s*\{?[^$]{0,30}\}?\s*\$|\^\{[^{}]*\}|(?<=[A-Za-z}])\^\S"
)
_PERSON_END: Final = re.compile(r"\\(?:and|And|AND|AuthorAnd)(?![A-Za-z])")
_BLOCK: Final = re.compile(r"\\IEEEauthorblock(?P<part>[NA])\s*(?=\{)")
_LINE_END: Final = re.compile(
    r"\\\\\*?(?:\[[^\[\]]{0,20}\])?|\\(?:newline|addr|emails|email|affiliations|affil|name|linebreak|par)(?![A-Za-z])|\n\s*\n|(?<!\\)&"
)
_PARTS: Final = re.compile(
    r"\\(?:institution|department|departmentdetail|city|state|country|streetaddress|postcode|orgdiv|orgname|orgaddress|street)"
    r"\s*(?=\{)|\b(?:organization|department|addressline|city|postcode|state|country)\s*=\s*(?=\{)"
)
_COLUMN: Final = re.compile(r"(?<!\\)&")
_TABULAR: Final = re.compile(
    r"\\(?:begin|end)\{(?:tabular[x*]?|minipage|center)\}(?:\[[^\]]*\])?(?:\{(?:[^{}]|\{[^{}]*\})*\})*"
)
_BETWEEN_NAMES: Final = re.compile(r",|;|\\qquad|\\quad|\\&|~~|\s&\s|\\hspace\*?\{[^{}]*\}|\\hfill|\band\b")
_PLACE: Final = re.compile(
    r"universit|institut|departm|\bdept\b|school|college|laborator|research|\bcent(?:er|re)\b|academy|faculty|\binc\b|\bltd\b|"
    r"\bcorp|@|\bgoogle\b|deepmind|microsoft|\bmeta\b|amazon|openai|nvidia|\blabs?\b|hospital|\bUSA\b|\bGermany\b|\bChina\b",
    re.IGNORECASE,
)


def _front_matter(source: LatexSource) -> tuple[list[str], list[Block]]:
    """The authors' names, and the blocks below the title: names, their institutions and addresses, notes.

    They are what readers see between title and abstract, as the other formats give it.
    """
    names: list[str] = []
    places: list[str] = []
    notes: list[str] = []
    for command, _, given in source.front:
        if command in ("author", "icmlauthor"):
            _people(given[0], names, places, notes)
        elif command in ("affil", "affiliation", "affiliations", "address", "institute"):
            places.extend(_lines(_PERSON_END.sub(r"\\\\", given[0]), notes))
        elif command == "icmlaffiliation":
            places.extend(_lines(given[1], notes))
        elif command == "email":
            places.append(words(given[0]))
    blocks = [Block(", ".join(names))] if names else []
    blocks += [Block(place) for place in dict.fromkeys(places) if place and place not in names]
    return names, blocks + [Block(note, "footnote") for note in dict.fromkeys(notes) if note]


def _people(text: str, names: list[str], places: list[str], notes: list[str]) -> None:
    """Take the argument of one ``\\author`` apart."""
    while found := _BLOCK.search(text):  # names, then the address that they share
        inner, end = argument(text, found.end())
        opening = "\\and " if found.group("part") == "N" else "\\\\ "
        text = text[: found.start()] + opening + inner + " " + text[max(end, found.end()) :]
    text = re.sub(r"\\name(?![A-Za-z])", r"\\and ", text)
    if "\\begin{tabular" in text:  # people side by side
        text = _COLUMN.sub(r"\\and ", text)
    for person in _PERSON_END.split(_TABULAR.sub("", text))[:300]:
        first, *others = _LINE_END.split(person.strip(), maxsplit=1) or [""]
        for piece in _BETWEEN_NAMES.split(_MARKS.sub(" ", _without_notes(first, notes))):
            name = re.sub(r"[\d*†‡∗§¶^]+", "", words(piece)).strip(" ,;")
            if 3 < len(name) < 60 and 2 <= len(name.split()) <= 6 and not _PLACE.search(name):
                if name not in names:
                    names.append(name)
            elif len(name) > 3:
                places.append(name)
        for other in others:
            places.extend(_lines(other, notes))


def _lines(text: str, notes: list[str]) -> Iterator[str]:
    """The lines of an address in plain words."""
    text = _without_notes(text, notes)
    while found := _PARTS.search(text):
        inner, end = argument(text, found.end())
        text = (
            f"{text[: found.start()]}{inner}, {text[end:]}"
            if end > found.end() + 1
            else text[: found.start()] + text[found.end() :]
        )
    text = re.sub(r"\\email\s*(?=\{)", r"\\\\ ", text)
    for line in _LINE_END.split(text):
        line = words(re.sub(r"^\s*\$?\s*\^?\s*\{?\d{1,2}\}?\s*\$?\s*(?=[A-Z\\])", "", _MARKS.sub(" ", line)))
        yield re.sub(r"(?:\s*,)+", ",", line).strip(" ,;")


def _without_notes(text: str, notes: list[str]) -> str:
    """The text without its footnotes, which are added to ``notes``."""
    kept, at = [], 0
    while found := _NOTES.search(text, at):
        inner, end = argument(text, found.end())
        notes.append(words(inner))
        kept.append(text[at : found.start()])
        at = max(end, found.end())
    return "".join(kept) + text[at:]


_LABELLED: Final = re.compile(
    r"\\(?P<section>section|subsection|subsubsection)\s*(?=[\[{])|\\(?P<caption>caption|captionof\s*\{\w+\})\s*(?=[\[{])"
    r"|\\(?P<appendix>appendix)\b|\\(?P<edge>begin|end)\{(?P<name>[\w*]+)\}|\\label\s*\{(?P<label>[^{}]{1,200})\}"
)
_POINTER: Final = re.compile(r"\\(ref|eqref|autoref|[cC]ref)\*?\s*\{([^{}]{1,400})\}")
_EQUATIONS: Final = frozenset(["equation", "align", "gather", "multline", "eqnarray"])
_FLOAT_KINDS: Final = ("figure", "table", "algorithm", "listing")


def _float_kind(name: str) -> str:
    """``wrapfigure*`` is a figure; empty for an environment whose caption has no number of its own."""
    return "" if name.startswith("sub") else next((kind for kind in _FLOAT_KINDS if kind in name.lower()), "")


class _Numbers:
    """The numbers that LaTeX gives to sections and captions, in the order of the document."""

    def __init__(self) -> None:
        self._sections = [0, 0, 0]
        self._floats: Counter[str] = Counter()
        self._appendix = False

    def appendix(self) -> None:
        self._appendix, self._sections = True, [0, 0, 0]

    def section(self, level: int) -> str:
        self._sections[level - 1] += 1
        self._sections[level:] = [0] * (3 - level)
        parts = [str(part) for part in self._sections[:level]]
        if self._appendix:
            parts[0] = chr(ord("A") + (self._sections[0] - 1) % 26) if self._sections[0] else "A"
        return ".".join(parts)

    def caption(self, kind: str) -> str:
        self._floats[kind] += 1
        return str(self._floats[kind])


def _with_references(body: str) -> str:
    """The body with the numbers that its references print, where a section, a float or an equation has the label."""
    if "\\label" not in body:
        return body
    numbers = _Numbers()
    labels: dict[str, tuple[str, str]] = {}
    section, current, floats, equations = ("section", ""), ("", ""), [""], 0
    for found in _LABELLED.finditer(body):
        name = (found["name"] or "").rstrip("*")
        if found["section"]:
            section = current = ("section", numbers.section(_LEVELS[found["section"]]))
        elif found["caption"]:
            kind = _float_kind(found["caption"].partition("{")[2].strip("} ") or floats[-1])
            current = (kind, numbers.caption(kind)) if kind else ("", "")
        elif found["appendix"]:
            numbers.appendix()
        elif found["label"]:
            labels.setdefault(found["label"].strip(), current)
        elif found["edge"] == "begin":
            if found["name"] in _EQUATIONS:
                equations += 1
                current = ("equation", str(equations))
            elif _float_kind(name) or name.startswith("sub"):
                floats.append(name)
            elif name not in ("center", "tabular", "minipage", "document", "small"):
                current = ("", "")  # a theorem, an item: its number is not known
        else:
            floats = floats[:-1] if len(floats) > 1 and floats[-1] == name else floats
            current = section

    def printed(match: re.Match[str]) -> str:
        found = [labels.get(key.strip(), ("", "")) for key in match[2].split(",")]
        if not all(number for _, number in found):
            return match[0]
        kind = found[0][0]
        shown = " and ".join(
            f"({number})" if kind == "equation" and match[1] != "ref" else number for _, number in found
        )
        if match[1] in ("ref", "eqref"):
            return shown
        return f"{kind if match[1] == 'cref' else kind.capitalize()}{'s' if len(found) > 1 else ''} {shown}"

    return _POINTER.sub(printed, body)


class _Structure:
    """One pass over the structural commands of a body."""

    def __init__(self, body: str) -> None:
        self._body = _with_references(body)
        self._position = 0
        self._pending = ""
        self._aside: list[Block] = []
        self._float = ""
        self._part = False
        """Inside a part of a figure, whose caption has no number of its own."""
        self._entry = False
        self._numbers = _Numbers()
        self._footnotes = 0

    def blocks(self) -> Iterator[Block]:
        """The blocks of the body, in order; captions and footnotes after the paragraph that they interrupt."""
        for found in _STRUCTURE.finditer(self._body):
            if found.start() < self._position:
                continue
            self._pending += self._body[self._position : found.start()]
            self._position = found.end()
            kind = found.lastgroup or ""
            if kind == "section":
                yield from self._section(found)
            elif kind in ("caption", "footnote"):
                self._note(found, kind == "caption")
            elif kind == "mark":
                self._pending += _mark(self._footnote(found.group()))
            elif kind == "appendix":
                yield from self._flush()
                self._numbers.appendix()
                yield Block("Appendix", "heading", 1, marked=True)
            elif kind == "begin":
                yield from self._begin(found.group("begin"))
            elif kind == "end":
                if found.group("end") in _FLOATS | {"abstract", "thebibliography"}:
                    yield from self._flush()
                    self._float, self._entry = "", False
                elif found.group("end") in _LISTS:
                    yield from self._text()
                elif found.group("end").startswith(("subfigure", "subtable")):
                    self._part = False
            elif kind == "bibitem":
                yield from self._text()
                self._entry = True
            elif kind == "item":
                yield from self._text()
            elif self._entry:  # an empty line
                self._pending += " "
            else:
                yield from self._flush()
        self._pending += self._body[self._position :]
        yield from self._flush()

    def _text(self) -> Iterator[Block]:
        """The text that was gathered, as a block."""
        text, links = words_and_links(self._pending)
        self._pending = ""
        if text:
            yield Block(text, links=links, entry=self._entry)

    def _flush(self) -> Iterator[Block]:
        yield from self._text()
        yield from self._aside
        self._aside = []

    def _section(self, found: re.Match[str]) -> Iterator[Block]:
        yield from self._flush()
        self._float, self._entry = "", False
        inner, self._position = argument(self._body, found.end())
        inner = self._without_footnotes(inner, self._aside)
        title, level = words(NOTE_CALL.sub("", inner)), _LEVELS[found.group("section")]
        if title and level < 4:
            starred = "*" in found.group()
            yield Block(title if starred else f"{self._numbers.section(level)} {title}", "heading", level, marked=True)
        elif title:
            self._pending = inner + ("" if title.endswith((".", ":", "?")) else ".") + " "

    def _note(self, found: re.Match[str], caption: bool) -> None:
        inner, self._position = argument(self._body, found.end())
        if not caption:
            self._pending += self._called(found.group(), inner, self._aside)
            return
        notes: list[Block] = []
        text, links = words_and_links(self._without_footnotes(inner, notes))
        if text:
            kind = _float_kind(found.group("caption").partition("{")[2].strip("} ") or self._float)
            counted = kind and not self._part and "*" not in found.group()
            prefix = f"{kind.capitalize()} {self._numbers.caption(kind)}: " if counted else ""
            self._aside.append(_prefixed(prefix, text, links, "caption"))
        self._aside += notes

    def _without_footnotes(self, text: str, notes: list[Block]) -> str:
        """The argument of a command with the marks of its footnotes, which are added to ``notes``."""
        while found := _NOTES.search(text):
            inner, end = argument(text, found.end())
            mark = self._called(found.group(), inner, notes)
            text = text[: found.start()] + mark + text[max(end, found.end()) :]
        return text

    def _called(self, command: str, inner: str, notes: list[Block]) -> str:
        """The mark that a footnote's command prints, as in a PDF; the note, which begins with its number, goes to ``notes``."""
        number = self._footnote(command) if command.startswith("\\footnote") else 0
        text, links = words_and_links(inner)
        if text:
            notes.append(_prefixed(f"{number} " if _mark(number) else "", text, links, "footnote"))
        return "" if command.startswith("\\footnotetext") else _mark(number)

    def _footnote(self, command: str) -> int:
        """The number of a footnote: the one that its command gives, or the next; for a text alone that of the last mark."""
        given = re.search(r"\[\s*(\d{1,3})\s*\]", command)
        if given:
            return int(given[1])
        self._footnotes += not command.startswith("\\footnotetext")
        return self._footnotes

    def _begin(self, environment: str) -> Iterator[Block]:
        if environment == "abstract":
            yield from self._text()
            yield Block("Abstract", "heading", 1, marked=True)
        elif environment == "thebibliography":
            yield from self._text()
            yield Block("References", "heading", 1, marked=True)
            _, self._position = argument(self._body, self._position)
        elif environment in _TABLES:
            self._float = self._float or ("table" if environment == "longtable" else "")
            self._position = self._table_start()
            self._pending += " "
        elif environment in _FLOATS:
            self._float = environment
        elif environment.startswith(("subfigure", "subtable")):
            self._part = True

    def _table_start(self) -> int:
        """Where a table's cells begin: after its position, width and columns."""
        start = self._position
        option = re.compile(r"\s*\[[^\[\]]{0,20}\]").match(self._body, start)
        start = option.end() if option else start
        for _ in range(2):
            inner, end = argument(self._body, start)
            if end > start + 1 and (re.fullmatch(r"[\s\S]{0,400}", inner) and "&" not in inner and "\\\\" not in inner):
                start = end
        return start


def _mark(number: int) -> str:
    """The mark of a footnote; none for numbers that no paper has."""
    return f"⟨{number}⟩" if 0 < number < 100 else ""


def _prefixed(prefix: str, text: str, links: list[tuple[int, int, str]], kind: SentenceKind) -> Block:
    """A block of words with something before them."""
    shift = len(prefix)
    return Block(prefix + text, kind, links=[(start + shift, end + shift, url) for start, end, url in links])
