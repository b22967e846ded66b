"""LaTeX source as it reaches the page: files put in, comments and switched-off branches left out, macros replaced.

Nothing is run and no file outside the archive is opened. Of TeX this follows what authors write: definitions with their
arguments, switches and conditionals, inputs, style files of their own, hidden environments, and text that is printed
white or not at all. What remains are LaTeX's own commands, for ``openbook.papers.latex``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from openbook.papers.formats import decode

LONGEST: Final = 8_000_000
MOST_EXPANSIONS: Final = 100_000
DEEPEST: Final = 150
_NO_VALUE: Final = r"\NoValueHere "

_CODE: Final = "verbatim|Verbatim|BVerbatim|lstlisting|minted|alltt"
_LEXED: Final = re.compile(
    rf"\\begin\s*\{{(?P<env>{_CODE})(?P<star>\*?)\}}(?P<code>.*?)\\end\s*\{{(?P=env)(?P=star)\}}"
    r"|\\(?:verb|lstinline)\*?(?P<mark>[^A-Za-z\s*{\[])(?P<verb>[^\n]*?)(?P=mark)"
    r"|(?P<link>\\(?:url|href|nolinkurl|path)\s*(?:\[[^\[\]]*\])?\s*\{)(?P<address>[^{}\n]*)\}"
    r"|\\.|(?P<comment>%[^\n]*(?:\n[ \t]*(?P<empty>\n)?)?)",
    re.DOTALL,
)
_OPTIONS: Final = re.compile(r"\s*(?:\[[^\[\]]*\])?\s*(?:\{\w+\})?")
_SPECIAL: Final = str.maketrans(
    {mark: "\\" + mark for mark in "%{}#$&_"}
    | {"\\": r"\textbackslash ", "^": r"\textasciicircum ", "~": r"\textasciitilde "}
)
_COMMAND: Final = re.compile(r"\\([A-Za-z]+|.|$)", re.DOTALL)
_COMMAND_AT: Final = re.compile(r"\\([A-Za-z@]+|.|$)", re.DOTALL)
_BRANCH: Final = re.compile(r"\\(if[A-Za-z@]*|else|or|fi)(?![A-Za-z@])|\\(?:.|\n)")
_PARAMETER: Final = re.compile(r"##|#(\d)")
_INTERNAL: Final = re.compile(r"\\[A-Za-z]*@")
_DEFINES: Final = re.compile(
    r"\\(?:(?:re|provide)?new|renew|provide|def|gdef|edef|let|Declare|[A-Za-z]+(?:true|false)\b)"
)

#: Environments whose content is a drawing or data, and no text.
_DRAWN: Final = frozenset(
    (
        "tikzpicture pgfpicture pspicture picture asy forest tikzcd circuitikz axis filecontents filecontents* CCSXML "
        "overpic luacode pycode dot2tex mpost prooftree"
    ).split()
)
#: Commands that print nothing of their arguments, and how many they take.
_DROPPED: Final = {
    **dict.fromkeys(
        (
            "phantom hphantom vphantom tikzset pgfplotsset usetikzlibrary usepgfplotslibrary typeout message "
            "hypersetup pdfinfo pgfplotstableread tikzstyle newcounter newlength newsavebox graphicspath "
            "bibliographystyle pagestyle thispagestyle newcolumntype lstset captionsetup sisetup geometry "
            "theoremstyle setlist crefname DeclareGraphicsExtensions newtoggle newbool newboolean lstdefinestyle "
            "lstdefinelanguage tcbset tcbuselibrary titlespacing titleformat makeindex hyphenation special "
            "AtBeginSection nocite"
        ).split(),
        1,
    ),
    **dict.fromkeys(
        ["setcounter", "addtocounter", "setlength", "addtolength", "rule", "PackageWarning", "newtcolorbox"], 2
    ),
}
#: Commands that tell who wrote the paper and what it is called; how many arguments each takes.
_FRONT: Final = {
    **dict.fromkeys(
        (
            "title icmltitle author affil affiliation affiliations institute address email date titlerunning "
            "authorrunning icmltitlerunning icmlkeywords orcid subtitle shorttitle shortauthors thanksref"
        ).split(),
        1,
    ),
    **dict.fromkeys(["icmlauthor", "icmlaffiliation", "icmlcorrespondingauthor"], 2),
}
#: Commands that the reader understands by itself: a redefinition counts only where it throws its argument away.
_OWN: Final = frozenset(
    (
        "part chapter section subsection subsubsection paragraph caption captionof footnote footnotetext thanks "
        "appendix bibitem item begin end url href nolinkurl path cite citep citet ref eqref autoref cref Cref label "
        "maketitle textbf textit emph texttt textsc underline mbox par input include title author abstract"
    ).split()
) | set(_FRONT)
_STRUCTURAL: Final = frozenset(
    (
        "document abstract figure figure* table table* algorithm thebibliography itemize enumerate equation align "
        "tabular"
    ).split()
)
#: Commands that begin with "if" and take their branches in braces, or are no conditionals at all.
_BRACED: Final = frozenset(
    (
        "iff ifthenelse iftoggle ifbool ifdef ifcsdef ifundef ifstrequal ifstrempty ifblank ifnumcomp ifnumequal "
        "ifdefempty ifdefstring ifboolexpr ifinlist"
    ).split()
)
_KNOWN_SWITCHES: Final = {
    **dict.fromkeys(["iftrue", "ifpdf", "ifPDFTeX", "ifpdftex", "ifhmode"], True),
    **dict.fromkeys(
        "iffalse ifmmode ifvmode ifinner ifeof ifcat ifxetex ifluatex ifXeTeX ifLuaTeX ifvoid".split(),
        False,
    ),
}


@dataclass(frozen=True, slots=True)
class Macro:
    """A definition: its body, and a description of each argument.

    ``m`` mandatory, ``o`` optional, ``s`` a star, ``t`` followed by the mark it looks for, ``d`` by two delimiters; for
    ``\\def`` with delimiters ``u`` followed by the text that ends the argument. ``defaults`` go with ``arguments``.
    """

    body: str
    arguments: tuple[str, ...] = ()
    defaults: tuple[str | None, ...] = ()
    lead: str = ""


@dataclass(slots=True)
class _Frame:
    """A text being read: a file, a macro's body or an argument. ``silent``: a style file, of which nothing is printed."""

    text: str
    position: int = 0
    path: str | None = None
    folder: str = ""
    silent: bool = False
    dark: bool = False
    options: frozenset[str] = frozenset()


@dataclass(slots=True)
class Source:
    """The body of a document with its macros replaced, and the commands of its front matter with their arguments."""

    body: str = ""
    front: list[tuple[str, str, list[str]]] = field(default_factory=list)
    """(command, its optional argument, its arguments), in order."""

    def given(self, *names: str) -> Iterator[list[str]]:
        """The arguments of each use of these front-matter commands."""
        return (arguments for name, _, arguments in self.front if name in names)


def read_source(files: dict[str, bytes], main: str) -> Source:
    """The document ``main`` as its readers see it; ``files`` are the files that it may put in."""
    return _Reader(files, main).read()


def argument(text: str, start: int) -> tuple[str, int]:
    """The braced argument at ``start`` (after white space) and where it ends; ``("", start)`` if there is none."""
    while start < len(text) and text[start].isspace():
        start += 1
    if start >= len(text) or text[start] != "{":
        return "", start
    depth = 0
    for found in _BRACE.finditer(text, start, min(len(text), start + 200_000)):
        mark = found.group()
        if mark == "{":
            depth += 1
        elif mark == "}":
            depth -= 1
            if depth == 0:
                return text[start + 1 : found.start()], found.end()
    return "", start + 1


_BRACE: Final = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKET: Final = re.compile(r"\\.|[{}\[\]]", re.DOTALL)


def clean_source(data: bytes) -> str:
    """The text of a file without comments, with code and addresses written so that nothing in them is a command."""
    text = decode(data)[:LONGEST].replace("\r\n", "\n").replace("\r", "\n").replace("\x00", " ")

    def replace(found: re.Match[str]) -> str:
        if found.group("comment") is not None:
            return "\n" if found.group("empty") else ""
        if found.group("env"):
            code = found.group("code")
            if found.group("env") in ("lstlisting", "minted", "Verbatim"):
                code = code[_OPTIONS.match(code).end() :]  # type: ignore[union-attr]
            return "\n\n" + code.translate(_SPECIAL) + "\n\n"
        if found.group("mark"):
            return r"\texttt{" + found.group("verb").translate(_SPECIAL) + "}"
        if found.group("link"):
            address = re.sub(r"(?<!\\)([%#&_])", r"\\\1", found.group("address"))
            return found.group("link") + address + "}"
        return found.group()

    return _LEXED.sub(replace, text)


class _Reader:
    """Follows a document from its first line to ``\\end{document}``."""

    def __init__(self, files: dict[str, bytes], main: str) -> None:
        self._files = files
        self._main = main
        self._frames: list[_Frame] = []
        self._out: list[str] = []
        self._source = Source()
        self._macros: dict[str, Macro] = {"onedot": Macro("."), "xspace": Macro(""), "relax": Macro("")}
        self._environments: dict[str, tuple[Macro, str]] = {}
        self._switches: dict[str, bool] = dict(_KNOWN_SWITCHES)
        self._toggles: dict[str, bool] = {}
        self._hidden = {"comment"}
        self._colours = {"white": True}
        self._saved: dict[str, str] = {}
        self._boxes = 0
        self._open = 0
        self._only: set[str] | None = None
        self._preamble = False
        self._at_letter = False
        self._expansions = 0
        self._budget = LONGEST
        self._bibliography = False
        self._handlers = self._all_handlers()

    def read(self) -> Source:
        text = self._load(self._main)
        self._preamble = re.search(r"\\begin\s*\{document\}", text) is not None
        self._frames = [_Frame(text, path=self._main, folder=posixpath.dirname(self._main))]
        self._run()
        if not self._bibliography and "\\begin{thebibliography}" not in (body := "".join(self._out)):
            self._out.append("\n\n" + self._expanded(self._bibliography_text(body)))
        self._source.body = "".join(self._out)
        self._preamble = False
        self._source.front = [
            (name, option, [self._expanded(given) for given in arguments])
            for name, option, arguments in self._source.front[:2000]
        ]
        return self._source

    def _load(self, path: str) -> str:
        text = clean_source(self._files[path])
        self._budget -= len(text)
        return text if self._budget >= 0 else ""

    def _expanded(self, text: str) -> str:
        """A text with its macros replaced, read apart from the document."""
        kept = self._frames, self._out
        self._frames, self._out = [_Frame(text)], []
        self._run()
        made = "".join(self._out)
        self._frames, self._out = kept
        return made

    def _run(self) -> None:
        while self._frames:
            frame = self._frames[-1]
            pattern = _COMMAND_AT if frame.silent or self._at_letter else _COMMAND
            found = pattern.search(frame.text, frame.position)
            self._print(frame.text[frame.position : found.start() if found else len(frame.text)])
            if found is None:
                self._frames.pop()
                continue
            frame.position = found.end()
            self._command(found.group(1))

    def _print(self, text: str) -> None:
        if text and not self._preamble and not self._frames[-1].silent:
            self._out.append(text)

    def _push(self, text: str, *, dark: bool = False) -> None:
        """Read a text before what follows, if that does not go on for ever."""
        self._expansions += 1
        self._budget -= len(text)
        if text and len(self._frames) < DEEPEST and self._expansions < MOST_EXPANSIONS and self._budget > 0:
            above = self._frames[-1] if self._frames else _Frame("")
            self._frames.append(_Frame(text, folder=above.folder, silent=above.silent, dark=dark))

    def _command(self, name: str) -> None:
        handler = self._handlers.get(name)
        if name in self._macros and name not in self._handlers:
            self._expand(name)
        elif handler is not None:
            handler()
        elif name[:2] == "if" and name not in _BRACED and self._is_conditional(name):
            self._conditional(name)
        elif (
            name.endswith(("true", "false"))
            and f"if{name.removesuffix('true').removesuffix('false')}" in self._switches
        ):
            self._switches[f"if{name.removesuffix('true').removesuffix('false')}"] = name.endswith("true")
        elif name in _FRONT:
            self._front(name)
        elif name in _DROPPED:
            self._star()
            self._optional()
            for _ in range(_DROPPED[name]):
                self._argument()
        else:
            self._print("\\" + name)

    # Arguments

    def _here(self) -> _Frame | None:
        """The frame that what comes next stands in, at the next character that is no white space."""
        while self._frames:
            frame = self._frames[-1]
            while frame.position < len(frame.text) and frame.text[frame.position].isspace():
                frame.position += 1
            if frame.position < len(frame.text) or frame.path is not None:
                return frame if frame.position < len(frame.text) else None
            if len(self._frames) == 1:
                return None
            self._frames.pop()
        return None

    def _argument(self) -> str:
        """The next argument: a group in braces, a command, or one character."""
        frame = self._here()
        if frame is None:
            return ""
        mark = frame.text[frame.position]
        if mark == "{":
            inner, frame.position = argument(frame.text, frame.position)
            return inner
        if mark == "\\":
            found = (_COMMAND_AT if frame.silent or self._at_letter else _COMMAND).match(frame.text, frame.position)
            frame.position = found.end()  # type: ignore[union-attr]
            return found.group()  # type: ignore[union-attr]
        if mark == "}":
            return ""
        frame.position += 1
        return mark

    def _optional(self, opening: str = "[", closing: str = "]") -> str | None:
        """The next argument if it stands in brackets."""
        if not self._frames:
            return None
        frame = self._frames[-1]
        start = frame.position
        while start < len(frame.text) and frame.text[start] in " \t\n" and frame.text[start : start + 2] != "\n\n":
            start += 1
        if frame.text[start : start + 1] != opening:
            return None
        depth = braces = 0
        marks = (
            _BRACKET if opening == "[" else re.compile(rf"\\.|[{{}}]|{re.escape(opening)}|{re.escape(closing)}", re.S)
        )
        for found in marks.finditer(frame.text, start, start + 20_000):
            mark = found.group()
            braces += (mark == "{") - (mark == "}")
            if not braces and mark in (opening, closing):
                depth += 1 if mark == opening and (opening != closing or not depth) else -1
                if depth == 0:
                    frame.position = found.end()
                    return frame.text[start + 1 : found.start()]
        return None

    def _star(self, mark: str = "*") -> bool:
        frame = self._frames[-1] if self._frames else None
        if frame and frame.text.startswith(mark, frame.position):
            frame.position += len(mark)
            return True
        return False

    def _name(self) -> str:
        """The name of the command that comes next, in braces or not, without its backslash."""
        given = self._argument().strip()
        return given.lstrip("\\").strip() if given.startswith("\\") else ""

    # Macros

    def _expand(self, name: str) -> None:
        macro = self._macros[name]
        frame = self._frames[-1]
        if frame.silent or (self._preamble and not _DEFINES.search(macro.body)):
            return
        if macro.lead:
            self._star(macro.lead)
        self._push(self._filled(macro))

    def _filled(self, macro: Macro) -> str:
        """A macro's body with its arguments, which are read here."""
        given: list[str] = []
        for kind, default in zip(macro.arguments, macro.defaults, strict=True):
            if kind == "m":
                given.append(self._argument())
            elif kind == "o":
                found = self._optional()
                given.append((_NO_VALUE if default is None else default) if found is None else found)
            elif kind[0] in "st":
                given.append("1" if self._star(kind[1:] or "*") else "0")
            elif kind[0] == "d":
                found = self._optional(kind[1], kind[2])
                given.append((_NO_VALUE if default is None else default) if found is None else found)
            else:
                given.append(self._until(kind[1:]))
        if not given:
            return macro.body.replace("##", "#")

        def put(found: re.Match[str]) -> str:
            number = int(found.group(1) or 0)
            return "#" if not number else given[number - 1] if number <= len(given) else ""

        return _PARAMETER.sub(put, macro.body)

    def _until(self, end: str) -> str:
        """What comes before ``end``, which is passed, in the text at hand."""
        frame = self._frames[-1]
        at = frame.text.find(end, frame.position)
        if at < 0:
            return ""
        inner = frame.text[frame.position : at]
        frame.position = at + len(end)
        return inner[1:-1] if inner.startswith("{") and inner.endswith("}") else inner

    def _keep(self, name: str, macro: Macro) -> None:
        """Take a definition, unless it is TeX's inner workings or redefines what this reader understands better."""
        if not name or _INTERNAL.search(macro.body) or ("@" in name and self._frames[-1].silent):
            return
        if name in _OWN or name in self._handlers:
            if macro.body.strip() or self._frames[-1].silent:
                return
            self._handlers.pop(name, None)
        if name in self._switches:
            del self._switches[name]
        self._macros[name] = macro

    def _new_command(self, *, provide: bool = False) -> None:
        self._star()
        name = self._name()
        count = self._optional()
        default = self._optional()
        body = self._argument()
        number = int(count) if count and count.strip().isdigit() else 0
        kinds, defaults = ["m"] * min(number, 9), [None] * min(number, 9)
        if default is not None and kinds:
            kinds[0], defaults[0] = "o", re.sub(r"^1=", "", default)  # type: ignore[call-overload]
        if not (provide and name in self._macros):
            self._keep(name, Macro(body, tuple(kinds), tuple(defaults)))

    def _define(self) -> None:
        """``\\def\\name#1#2{body}``, with or without text around the arguments."""
        frame = self._here()
        found = re.compile(r"\\([A-Za-z@]+|.)((?:[^{}\\]|\\(?![{}]).)*)(?=\{)", re.DOTALL).match(
            frame.text if frame else "", frame.position if frame else 0, (frame.position + 500) if frame else 0
        )
        if frame is None or found is None:
            self._argument()
            return
        frame.position = found.end()
        body = self._argument()
        lead, *pieces = re.split(r"#\d", found.group(2))
        kinds = tuple("u" + piece if piece.strip() else "m" for piece in pieces)
        self._keep(found.group(1), Macro(body, kinds, (None,) * len(kinds), lead.strip()))

    def _let(self) -> None:
        name = self._name()
        self._star("=")
        self._star(" ")
        other = self._argument().lstrip("\\")
        if other in self._switches or other in _KNOWN_SWITCHES:
            self._switches[name] = self._switches.get(other, False)
        elif other in self._macros:
            self._keep(name, self._macros[other])
        elif len(other) > 1 and name not in _OWN and name not in self._handlers:
            self._keep(name, Macro("\\" + other))
        if other in self._hidden:
            self._hidden.add(name)

    def _document_command(self) -> None:
        """xparse: ``\\NewDocumentCommand{\\name}{m o O{default} s}{body}``."""
        name, described, body = self._name(), self._argument(), self._argument()
        kinds: list[str] = []
        defaults: list[str | None] = []
        at = 0
        while at < len(described) and len(kinds) < 9:
            letter = described[at]
            at += 1
            if letter not in "mosOtdDrRvb":
                continue
            kind = {"O": "o", "v": "m", "b": "m"}.get(letter, letter)
            default: str | None = None
            if letter in "dDrR":
                while described[at : at + 1] == " ":
                    at += 1
                kind, at = "d" + described[at : at + 2].ljust(2, ")"), at + 2
            elif letter == "t":
                kind, at = "t" + described[at : at + 1], at + 1
            if letter in "ODR":
                default, at = argument(described, at)
            kinds.append(kind)
            defaults.append(default)
        self._keep(name, Macro(body, tuple(kinds), tuple(defaults)))

    def _math_operator(self) -> None:
        self._star()
        self._keep(self._name(), Macro(self._argument()))

    def _new_environment(self) -> None:
        self._star()
        name = self._argument().strip()
        count, default = self._optional(), self._optional()
        begin, end = self._argument(), self._argument()
        if not name or name in _STRUCTURAL or _INTERNAL.search(begin) or self._frames[-1].silent:
            return
        if re.search(r"\\(?:comment|setbox|sbox|savebox|iffalse|lrbox)\b|\\begin\s*\{(?:comment|lrbox)\}", begin):
            self._hidden.add(name)
            return
        self._hidden.discard(name)
        number = int(count) if count and count.strip().isdigit() else 0
        kinds, defaults = ["m"] * min(number, 9), [None] * min(number, 9)
        if default is not None and kinds:
            kinds[0], defaults[0] = "o", default  # type: ignore[call-overload]
        self._environments[name] = Macro(begin, tuple(kinds), tuple(defaults)), end

    # Conditionals

    def _is_conditional(self, name: str) -> bool:
        return name not in _BRACED and name not in self._macros

    def _conditional(self, name: str) -> None:
        """Take the branch that is printed. A switch that nobody here defined is off, if it has an end at all."""
        if name == "ifcase":
            number = self._number()
            for _ in range(max(number or 0, 0)):
                stop = self._skip("else", "or", "fi")
                if stop != "or":
                    self._open += stop == "else"
                    return
            self._open += 1
            return
        value = self._value(name)
        if value is None and not self._has_end():
            return
        if value or self._skip("else", "fi") == "else":
            self._open += 1

    def _other_branch(self) -> None:
        """``\\else`` or ``\\or`` at the end of the branch that was taken."""
        if self._open:
            self._open -= 1
            self._skip("fi")

    def _end_branch(self) -> None:
        self._open = max(self._open - 1, 0)

    def _value(self, name: str) -> bool | None:
        if name == "if":
            return self._character() == self._character()
        if name == "ifx":
            return self._same(self._argument(), self._argument())
        if name == "ifdefined":
            return self._is_defined(self._argument())
        if name == "ifcsname":
            return self._is_defined("\\" + self._until("\\endcsname").strip())
        if name in ("ifnum", "ifdim"):
            left, relation, right = self._number(), self._argument(), self._number()
            if left is None or right is None:
                return None
            return left < right if relation == "<" else left > right if relation == ">" else left == right
        if name == "ifodd":
            number = self._number()
            return None if number is None else number % 2 == 1
        return self._switches.get(name)

    def _character(self) -> str:
        """The next character, with macros replaced; after a command's name white space is none."""
        while self._frames:
            frame = self._frames[-1]
            if frame.position >= len(frame.text):
                if frame.path is not None or len(self._frames) == 1:
                    return ""
                self._frames.pop()
                continue
            if frame.text[frame.position] != "\\":
                if frame.text[frame.position] == " " and frame.text[frame.position - 1 : frame.position].isalpha():
                    frame.position += 1
                    continue
                frame.position += 1
                return frame.text[frame.position - 1]
            token = self._argument()
            macro = self._macros.get(token[1:])
            if macro is None or macro.arguments:
                return token
            self._push(macro.body)
        return ""

    def _number(self) -> int | None:
        """The number that comes next, as digits or as a macro's body; None where it is not known."""
        frame = self._here()
        if frame is None:
            return None
        found = re.compile(r"-?\d+").match(frame.text, frame.position)
        if found:
            frame.position = found.end()
            if frame.text.startswith(("pt", "cm", "in", "em"), frame.position):
                frame.position += 2
            elif frame.text.startswith(" ", frame.position):
                frame.position += 1
            return int(found.group()[:9])
        if frame.text[frame.position] != "\\":
            return None
        token = self._argument()
        if token == r"\value":
            self._argument()
        macro = self._macros.get(token[1:])
        body = macro.body.strip() if macro else ""
        return int(body[:9]) if re.fullmatch(r"-?\d+", body) else None

    def _is_defined(self, token: str) -> bool:
        name = token.lstrip("\\")
        return name in self._macros or name in self._switches or name in self._handlers or name in _OWN

    def _same(self, one: str, other: str) -> bool:
        names = [one.lstrip("\\"), other.lstrip("\\")]
        if one == other:
            return True
        for name, against in (names, names[::-1]):
            if name in ("undefined", "@undefined"):
                return not self._is_defined(against)
            if name in ("empty", "@empty"):
                return against in self._macros and not self._macros[against].body.strip()
        both = [self._macros.get(name) for name in names]
        return both[0] is not None and both[0] == both[1]

    def _skip(self, *stops: str) -> str:
        """Pass over a branch to the first of ``stops`` that belongs to it; "" where there is none."""
        depth = 0
        while self._frames:
            frame = self._frames[-1]
            for found in _BRANCH.finditer(frame.text, frame.position):
                depth, stop = self._step(frame.text, found, depth, stops)
                if stop:
                    frame.position = found.end()
                    return stop
            if frame.silent:  # odd code of a style file never hides the paper
                return ""
            self._frames.pop()
        return ""

    def _has_end(self) -> bool:
        """Whether an ``\\fi`` for the conditional just read stands in what follows."""
        depth = 0
        for frame in reversed(self._frames):
            for found in _BRANCH.finditer(frame.text, frame.position):
                depth, stop = self._step(frame.text, found, depth, ("fi",))
                if stop:
                    return True
        return False

    def _step(self, text: str, found: re.Match[str], depth: int, stops: tuple[str, ...]) -> tuple[int, str]:
        """How deep the next conditional's mark leads, and whether it is one of ``stops``."""
        name = found.group(1)
        if not name:
            return depth, ""
        if name.startswith("if"):
            opens = self._is_conditional(name) and not text[
                max(0, found.start() - 8) : found.start()
            ].rstrip().endswith(("\\newif", "\\let"))
            return depth + opens, ""
        if depth == 0 and name in stops:
            return 0, name
        return depth - (name == "fi" and depth > 0), ""

    def _choose(self, condition: bool | None, *, other: bool = True) -> None:
        """Two branches in braces: go on with one."""
        first = self._argument()
        second = self._argument() if other else ""
        self._push(first if condition else second)

    def _then_else(self) -> None:
        test = self._expanded_test(self._argument())
        self._choose(test)

    def _expanded_test(self, test: str) -> bool:
        """A test of ifthen: ``\\boolean{x}``, ``\\equal{a}{b}``, a comparison of numbers, ``\\not``."""
        negated = re.match(r"\s*\\(?:not|NOT)\b", test)
        if negated:
            return not self._expanded_test(test[negated.end() :])
        for joint, every in ((r"\\(?:and|AND)\b", True), (r"\\(?:or|OR)\b", False)):
            parts = re.split(joint, test)
            if len(parts) > 1:
                return (all if every else any)([self._expanded_test(part) for part in parts[:20]])
        found = re.match(r"\s*\\boolean\s*\{\s*(\w+)\s*\}", test)
        if found:
            name = found.group(1)
            return self._toggles.get(name, self._switches.get("if" + name, name == "true"))
        equal = re.match(r"\s*\\equal\s*", test)
        if equal:
            one, at = argument(test, equal.end())
            two, _ = argument(test, at)
            return self._expanded(one).strip() == self._expanded(two).strip()
        numbers = re.fullmatch(r"\s*(-?\d{1,9})\s*([<>=])\s*(-?\d{1,9})\s*", self._expanded(test))
        if numbers:
            left, right = int(numbers.group(1)), int(numbers.group(3))
            return {"<": left < right, ">": left > right, "=": left == right}[numbers.group(2)]
        return False

    # Files

    def _resolve(self, name: str, endings: tuple[str, ...], folder: str | None = None) -> str | None:
        """The path of a file in the archive, looked for where TeX would."""
        name = name.strip().strip('"').strip()
        above = next((frame.path for frame in reversed(self._frames) if frame.path), self._main)
        bases = [folder] if folder is not None else []
        bases += [self._frames[-1].folder if self._frames else "", posixpath.dirname(self._main)]
        bases += [posixpath.dirname(above or ""), ""]
        for base in bases:
            for ending in endings:
                path = posixpath.normpath(posixpath.join(base, name + ending))
                if path in self._files:
                    return path
        return None

    def _include(self, name: str, *, folder: str | None = None) -> None:
        """Put a file in, unless it is being read already."""
        path = self._resolve(name, (".tex", "", ".ltx", ".latex"), folder)
        open_files = [frame.path for frame in self._frames if frame.path]
        if path is None or path in open_files or len(open_files) > 20 or self._budget < 0:
            self._print(" ")
            return
        here = self._frames[-1]
        below = folder if folder is not None else here.folder
        self._frames.append(_Frame("\n" + self._load(path) + "\n", path=path, folder=below, silent=here.silent))

    def _input(self) -> None:
        frame = self._here()
        if frame is None:
            return
        if frame.text[frame.position] == "{":
            self._include(self._argument())
            return
        found = re.compile(r'"[^"\n]{1,300}"|[^\s\\{}%]{1,300}').match(frame.text, frame.position)
        if found:
            frame.position = found.end()
            self._include(found.group())

    def _include_chapter(self) -> None:
        name = self._argument()
        if self._only is None or name.strip() in self._only:
            self._include(name)

    def _import(self, *, relative: bool) -> None:
        self._star()
        folder, name = self._argument().strip(), self._argument()
        base = self._frames[-1].folder if relative and self._frames else posixpath.dirname(self._main)
        self._include(name, folder=posixpath.normpath(posixpath.join(base, folder)))

    def _use_package(self, ending: str = ".sty") -> None:
        options = frozenset(option.strip() for option in (self._optional() or "").split(","))
        names = [name.strip() for name in self._argument().split(",")][:50]
        self._optional()
        if "todonotes" in names and "disable" in options:
            self._macros["todo"] = Macro("", ("o", "m"), ("", None))
        open_files = {frame.path for frame in self._frames}
        for name in reversed(names):
            path = self._resolve(name, (ending,)) if name else None
            if path and path not in open_files and len(self._frames) < DEEPEST and self._budget > 0:
                frame = _Frame(
                    self._load(path), path=path, folder=posixpath.dirname(path), silent=True, options=options
                )
                self._frames.append(frame)

    def _declare_option(self) -> None:
        self._star()
        option, body = self._argument().strip(), self._argument()
        if option in self._frames[-1].options:
            self._push(body)

    def _if_file_exists(self, *, put_in: bool) -> None:
        name, there, missing = self._argument(), self._argument(), self._argument()
        exists = self._resolve(name, ("", ".tex")) is not None
        self._push(there if exists else missing)
        if exists and put_in:
            self._include(name)

    def _end_input(self) -> None:
        while self._frames and self._frames[-1].path is None and len(self._frames) > 1:
            self._frames.pop()
        if self._frames:
            self._frames[-1].position = len(self._frames[-1].text)

    def _put_bibliography(self) -> None:
        self._argument()
        self._list_bibliography()

    def _list_bibliography(self) -> None:
        self._optional()
        if self._preamble or self._bibliography:
            return
        self._bibliography = True
        self._push(self._bibliography_text("".join(self._out[-2000:])))

    def _bibliography_text(self, body: str) -> str:
        """The references that BibTeX made: of the document's own name, else the longest beside it."""
        if "\\begin{thebibliography}" in body:
            return ""
        own = posixpath.splitext(self._main)[0] + ".bbl"
        folder = posixpath.dirname(self._main)
        others = [path for path in self._files if path.lower().endswith(".bbl")]
        others.sort(key=lambda path: (path == own, posixpath.dirname(path) == folder, len(self._files[path])))
        if not others:
            return ""
        text = self._load(others[-1])
        return text if "\\begin{thebibliography}" in text or "\\bibitem" in text else _from_biblatex(text)

    # Environments and what is not printed

    def _begin(self) -> None:
        name = self._argument().strip()
        if name == "document":
            if self._preamble:
                self._preamble = False
                self._out.clear()
            return
        if name in self._hidden or name in _DRAWN:
            self._pass_environment(name)
        elif name == "lrbox":
            self._saved[self._name()] = self._pass_environment(name)
        elif name in self._environments and not self._frames[-1].silent:
            self._push("\n" + self._filled(self._environments[name][0]))
        else:
            self._boxes += name in ("tcolorbox", "mdframed", "shaded", "snugshade", "beamercolorbox")
            self._print(f"\\begin{{{name}}}")

    def _end(self) -> None:
        name = self._argument().strip()
        if name == "document":
            files = [frame for frame in self._frames if frame.path is not None and not frame.silent]
            if len(files) > 1 and re.search(r"\\begin\s*\{document\}", files[-1].text):  # of a file that is put in
                while self._frames[-1] is not files[-1]:
                    self._frames.pop()
                self._frames.pop()
            elif not self._preamble:
                self._frames.clear()
        elif name in self._environments and not self._frames[-1].silent:
            self._push(self._environments[name][1] + " ")
        else:
            self._boxes -= name in ("tcolorbox", "mdframed", "shaded", "snugshade", "beamercolorbox")
            self._print(f"\\end{{{name}}}")

    def _pass_environment(self, name: str) -> str:
        """Pass over an environment, those of its kind inside included, and give its content."""
        frame = self._frames[-1]
        start, depth = frame.position, 0
        nests = name not in self._hidden
        for found in re.compile(rf"\\(begin|end)\s*\{{{re.escape(name)}\}}").finditer(frame.text, start):
            if found.group(1) == "begin":
                depth += nests
                continue
            if depth == 0:
                frame.position = found.end()
                self._print(" ")
                return frame.text[start : found.start()]
            depth -= 1
        return ""

    def _tikz(self) -> None:
        self._optional()
        frame = self._here()
        if frame is None:
            return
        if frame.text[frame.position] == "{":
            self._argument()
        else:
            end = frame.text.find(";", frame.position, frame.position + 20_000)
            frame.position = end + 1 if end >= 0 else frame.position
        self._print(" ")

    def _text_colour(self) -> None:
        model, colour, text = self._optional(), self._argument(), self._argument()
        if not self._unseen(colour, model):
            self._push(text)

    def _colour(self) -> None:
        model = self._optional()
        if self._unseen(self._argument(), model):
            self._pass_group()

    def _colour_box(self, *, framed: bool) -> None:
        model = self._optional()
        if framed:
            self._argument()
        ground, text = self._argument(), self._argument()
        self._push(text, dark=not self._is_white(ground, model))

    def _unseen(self, colour: str, model: str | None) -> bool:
        """Whether text of this colour is white on white."""
        if not self._is_white(colour, model) or self._boxes > 0 or any(frame.dark for frame in self._frames):
            return False
        recent = "".join(self._out[-12:])
        return not re.search(r"\\(?:row|cell|column|page)color\b(?!.*\\\\)", recent, re.DOTALL)

    def _is_white(self, colour: str, model: str | None = None) -> bool:
        colour = colour.strip()
        if model:
            return _is_light(model, colour)
        if colour in self._colours:
            return self._colours[colour]
        mixed = re.fullmatch(r"(\w+)!(\d{1,3})(?:!(\w+))?", colour)
        if mixed is None:
            return False
        name, share, other = mixed.group(1), int(mixed.group(2)), mixed.group(3) or "white"
        first, second = self._is_white(name), self._is_white(other)
        return (first and (second or share >= 95)) or (second and share <= 5)

    def _define_colour(self) -> None:
        name, model, value = self._argument().strip(), self._argument().strip(), self._argument().strip()
        self._colours[name] = _is_light(model, value)

    def _let_colour(self) -> None:
        name, other = self._argument().strip(), self._argument().strip()
        self._colours[name] = self._is_white(other)

    def _font_size(self) -> None:
        size = re.match(r"\s*(\d*\.?\d+)", self._argument())
        self._argument()
        if size and float(size.group(1)) < 1.5:
            self._pass_group()

    def _scale(self) -> None:
        factor = re.match(r"\s*(\d*\.?\d+)\s*$", self._argument())
        self._optional()
        text = self._argument()
        if not (factor and float(factor.group(1)) < 0.1):
            self._push(text)

    def _pass_group(self) -> None:
        """Pass over the rest of the group, up to another colour or size in it."""
        frame = self._frames[-1]
        depth = 0
        marks = re.compile(r"\\(?:color|normalcolor|fontsize|end|normalsize)(?![A-Za-z])|\\.|[{}]", re.DOTALL)
        for found in marks.finditer(frame.text, frame.position):
            mark = found.group()
            if depth == 0 and (mark == "}" or (len(mark) > 2 and mark[0] == "\\")):
                frame.position = found.start()
                return
            depth += (mark == "{") - (mark == "}")
        frame.position = len(frame.text)

    def _set_box(self) -> None:
        frame = self._frames[-1]
        found = re.compile(r"\s*(?:\d+|\\[A-Za-z@]+)\s*=?\s*\\[hv]box\s*(?:to\s*[\w.]+)?\s*").match(
            frame.text, frame.position
        )
        if found:
            frame.position = found.end()
            self._argument()

    def _save_box(self) -> None:
        name = self._name()
        self._optional()
        self._optional()
        self._saved[name] = self._argument()

    def _front(self, name: str) -> None:
        option = self._optional() or ""
        given = [self._argument() for _ in range(_FRONT[name])]
        if not self._frames[-1].silent:
            self._source.front.append((name, option, given))

    def _abstract(self) -> None:
        frame = self._here()
        if frame is not None and frame.text[frame.position] == "{":
            text = self._argument()
            if self._preamble:
                self._source.front.append(("abstract", "", [text]))
            else:
                self._push(f"\\begin{{abstract}}{text}\\end{{abstract}}")

    def _set_switch(self) -> None:
        name, value = self._argument().strip(), self._argument().strip()
        self._toggles[name] = value == "true"

    def _set_toggle(self, value: bool) -> None:
        self._toggles[self._argument().strip()] = value

    def _toggled(self) -> bool:
        name = self._argument().strip()
        return self._toggles.get(name, self._switches.get("if" + name, False))

    def _new_switch(self) -> None:
        name = self._name()
        if name.startswith("if"):
            self._switches[name] = False

    def _all_handlers(self) -> dict[str, Callable[[], object]]:
        define, new = self._define, self._new_command
        handlers: dict[str, Callable[[], object]] = {
            **dict.fromkeys(
                (
                    "newcommand renewcommand DeclareRobustCommand newrobustcmd renewrobustcmd newcommandx renewcommandx"
                ).split(),
                new,
            ),
            "providecommand": lambda: new(provide=True),
            **dict.fromkeys(["def", "gdef", "edef", "xdef"], define),
            **dict.fromkeys(["long", "global", "protected", "outer", "makeatletter", "makeatother"], lambda: None),
            **dict.fromkeys(
                [
                    f"{verb}{kind}DocumentCommand"
                    for verb in ("New", "Renew", "Provide", "Declare")
                    for kind in ("", "Expandable")
                ],
                self._document_command,
            ),
            **dict.fromkeys(
                ["newenvironment", "renewenvironment", "provideenvironment", "NewEnviron"], self._new_environment
            ),
            "DeclareMathOperator": self._math_operator,
            "let": self._let,
            "newif": self._new_switch,
            "newtheorem": lambda: (
                self._star(),
                self._argument(),
                self._optional(),
                self._argument(),
                self._optional(),
            ),
            "urldef": lambda: self._keep(self._name(), Macro(self._argument() + "{" + self._argument() + "}")),
            "else": self._other_branch,
            "or": self._other_branch,
            "fi": self._end_branch,
            "unless": lambda: None,
            "ifthenelse": self._then_else,
            **dict.fromkeys(["iftoggle", "ifbool"], lambda: self._choose(self._toggled())),
            **dict.fromkeys(["ifdef", "ifcsdef"], lambda: self._choose(self._is_defined(self._argument()))),
            "ifundef": lambda: self._choose(not self._is_defined(self._argument())),
            "@ifundefined": lambda: self._choose(not self._is_defined(self._argument())),
            **dict.fromkeys(["ifstrempty", "ifblank"], lambda: self._choose(not self._argument().strip())),
            "ifstrequal": lambda: self._choose(self._argument() == self._argument()),
            **dict.fromkeys(["setboolean", "setbool", "settoggle"], self._set_switch),
            **dict.fromkeys(["toggletrue", "booltrue"], lambda: self._set_toggle(True)),
            **dict.fromkeys(["togglefalse", "boolfalse"], lambda: self._set_toggle(False)),
            "IfNoValueTF": lambda: self._choose(self._argument() == _NO_VALUE.strip()),
            "IfValueTF": lambda: self._choose(self._argument() != _NO_VALUE.strip()),
            "IfNoValueT": lambda: self._choose(self._argument() == _NO_VALUE.strip(), other=False),
            "IfValueT": lambda: self._choose(self._argument() != _NO_VALUE.strip(), other=False),
            "IfBooleanTF": lambda: self._choose(self._argument() == "1"),
            "IfBooleanT": lambda: self._choose(self._argument() == "1", other=False),
            "IfBooleanF": lambda: self._choose(self._argument() != "1", other=False),
            **dict.fromkeys(["input", "@input", "subfile", "subfileinclude"], self._input),
            "include": self._include_chapter,
            "includeonly": self._include_only,
            **dict.fromkeys(["import", "includefrom", "inputfrom"], lambda: self._import(relative=False)),
            **dict.fromkeys(["subimport", "subincludefrom", "subinputfrom"], lambda: self._import(relative=True)),
            **dict.fromkeys(["usepackage", "RequirePackage"], self._use_package),
            **dict.fromkeys(["documentclass", "LoadClass"], lambda: self._use_package(".cls")),
            "DeclareOption": self._declare_option,
            "IfFileExists": lambda: self._if_file_exists(put_in=False),
            "InputIfFileExists": lambda: self._if_file_exists(put_in=True),
            "endinput": self._end_input,
            "bibliography": self._put_bibliography,
            "printbibliography": self._list_bibliography,
            "begin": self._begin,
            "end": self._end,
            "includecomment": lambda: self._hidden.discard(self._argument().strip()),
            **dict.fromkeys(["excludecomment", "specialcomment"], lambda: self._hidden.add(self._argument().strip())),
            "tikz": self._tikz,
            "textcolor": self._text_colour,
            "color": self._colour,
            "colorbox": lambda: self._colour_box(framed=False),
            "fcolorbox": lambda: self._colour_box(framed=True),
            "definecolor": self._define_colour,
            "colorlet": self._let_colour,
            "fontsize": self._font_size,
            "scalebox": self._scale,
            "setbox": self._set_box,
            **dict.fromkeys(["savebox", "sbox"], self._save_box),
            "usebox": lambda: self._push(self._saved.get(self._name(), "")),
            "footnotemark": self._optional,
            "abstract": self._abstract,
        }
        handlers["makeatletter"] = lambda: setattr(self, "_at_letter", True)
        handlers["makeatother"] = lambda: setattr(self, "_at_letter", False)
        return handlers

    def _include_only(self) -> None:
        self._only = {name.strip() for name in self._argument().split(",")}


def _is_light(model: str, value: str) -> bool:
    """Whether a colour given by numbers is white or nearly so."""
    if model.lower() == "html":
        numbers = (
            [int(value[at : at + 2], 16) / 255 for at in (0, 2, 4)] if re.fullmatch(r"[0-9A-Fa-f]{6}", value) else []
        )
    else:
        numbers = [float(number) for number in re.findall(r"\d*\.?\d+", value)]
        if model == "RGB":
            numbers = [number / 255 for number in numbers]
    if model.lower() == "cmyk":
        return bool(numbers) and max(numbers) < 0.05
    return bool(numbers) and min(numbers) > 0.95


def _from_biblatex(text: str) -> str:
    """The entries of a .bbl that biblatex made as ``\\bibitem``s."""
    entries = []
    for entry in re.split(r"\\entry\s*(?=\{)", text)[1:]:
        key, _ = argument(entry, 0)
        authors = re.search(r"\\name\{author\}", entry)
        names = re.findall(r"family=\{?([^{},]+)", entry[authors.end() :].split("\\name{", 1)[0]) if authors else []
        parts = [", ".join(names)] if names else []
        for name in ("title", "journaltitle", "booktitle", "year"):
            found = re.search(rf"\\field\{{{name}\}}\s*(?=\{{)", entry)
            if found:
                parts.append(argument(entry, found.end())[0])
        address = re.search(r"\\verb\{url\}\s*\\verb\s+(\S+)", entry)
        if address:
            parts.append(f"\\url{{{address.group(1)}}}")
        entries.append(f"\\bibitem{{{key}}} {'. '.join(parts)}\n")
    return "\\begin{thebibliography}{9}\n" + "".join(entries) + "\\end{thebibliography}\n" if entries else ""
