"""Definitions of a LaTeX document: macros with their arguments, environments, switches; and what they stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from openbook.papers.latex_scanner import Scanner, argument, handles

NO_VALUE: Final = r"\NoValueHere "

#: Commands that tell who wrote the paper and what it is called; how many arguments each takes.
FRONT: Final = {
    **dict.fromkeys(
        (
            "title icmltitle author affil affiliation affiliations institute address email date titlerunning "
            "authorrunning icmltitlerunning icmlkeywords orcid subtitle shorttitle shortauthors thanksref"
        ).split(),
        1,
    ),
    **dict.fromkeys(["icmlauthor", "icmlaffiliation", "icmlcorrespondingauthor"], 2),
}
_PARAMETER: Final = re.compile(r"##|#(\d)")
_INTERNAL: Final = re.compile(r"\\[A-Za-z]*@")
_DEFINES: Final = re.compile(
    r"\\(?:(?:re|provide)?new|renew|provide|def|gdef|edef|let|Declare|[A-Za-z]+(?:true|false)\b)"
)
#: Commands that the reader understands by itself: a redefinition counts only where it throws its argument away.
OWN: Final = frozenset(
    (
        "part chapter section subsection subsubsection paragraph caption captionof footnote footnotetext thanks "
        "appendix bibitem item begin end url href nolinkurl path cite citep citet ref eqref autoref cref Cref label "
        "maketitle textbf textit emph texttt textsc underline mbox par input include title author abstract"
    ).split()
) | set(FRONT)
_STRUCTURAL: Final = frozenset(
    (
        "document abstract figure figure* table table* algorithm thebibliography itemize enumerate equation align "
        "tabular"
    ).split()
)
KNOWN_SWITCHES: Final = {
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


class Macros:
    """What the document defines, and its expansion."""

    def __init__(self, scan: Scanner) -> None:
        self._scan = scan
        self.definitions: dict[str, Macro] = {"onedot": Macro("."), "xspace": Macro(""), "relax": Macro("")}
        self.environments: dict[str, tuple[Macro, str]] = {}
        self.switches: dict[str, bool] = dict(KNOWN_SWITCHES)
        self.hidden_environments = {"comment"}

    def expand(self, name: str) -> None:
        macro = self.definitions[name]
        frame = self._scan.frames[-1]
        if frame.silent or (self._scan.preamble and not _DEFINES.search(macro.body)):
            return
        if macro.lead:
            self._scan.star(macro.lead)
        self._scan.push(self.filled(macro))

    def filled(self, macro: Macro) -> str:
        """A macro's body with its arguments, which are read here."""
        given: list[str] = []
        for kind, default in zip(macro.arguments, macro.defaults, strict=True):
            if kind == "m":
                given.append(self._scan.argument())
            elif kind == "o":
                found = self._scan.optional()
                given.append((NO_VALUE if default is None else default) if found is None else found)
            elif kind[0] in "st":
                given.append("1" if self._scan.star(kind[1:] or "*") else "0")
            elif kind[0] == "d":
                found = self._scan.optional(kind[1], kind[2])
                given.append((NO_VALUE if default is None else default) if found is None else found)
            else:
                given.append(self._scan.until(kind[1:]))
        if not given:
            return macro.body.replace("##", "#")

        def put(found: re.Match[str]) -> str:
            number = int(found.group(1) or 0)
            return "#" if not number else given[number - 1] if number <= len(given) else ""

        return _PARAMETER.sub(put, macro.body)

    def keep(self, name: str, macro: Macro) -> None:
        """Take a definition, unless it is TeX's inner workings or redefines what this reader understands better."""
        if not name or _INTERNAL.search(macro.body) or ("@" in name and self._scan.frames[-1].silent):
            return
        if name in OWN or name in self._scan.handlers:
            if macro.body.strip() or self._scan.frames[-1].silent:
                return
            self._scan.handlers.pop(name, None)
        if name in self.switches:
            del self.switches[name]
        self.definitions[name] = macro

    @handles("newcommand renewcommand DeclareRobustCommand newrobustcmd renewrobustcmd newcommandx renewcommandx")
    def _new_command(self, *, provide: bool = False) -> None:
        self._scan.star()
        name = self._scan.name()
        count = self._scan.optional()
        default = self._scan.optional()
        body = self._scan.argument()
        number = int(count) if count and count.strip().isdigit() else 0
        kinds, defaults = ["m"] * min(number, 9), [None] * min(number, 9)
        if default is not None and kinds:
            kinds[0], defaults[0] = "o", re.sub(r"^1=", "", default)  # type: ignore[call-overload]
        if not (provide and name in self.definitions):
            self.keep(name, Macro(body, tuple(kinds), tuple(defaults)))

    @handles("providecommand")
    def _provide_command(self) -> None:
        self._new_command(provide=True)

    @handles("def gdef edef xdef")
    def _define(self) -> None:
        """``\\def\\name#1#2{body}``, with or without text around the arguments."""
        frame = self._scan.here()
        found = re.compile(r"\\([A-Za-z@]+|.)((?:[^{}\\]|\\(?![{}]).)*)(?=\{)", re.DOTALL).match(
            frame.text if frame else "", frame.position if frame else 0, (frame.position + 500) if frame else 0
        )
        if frame is None or found is None:
            self._scan.argument()
            return
        frame.position = found.end()
        body = self._scan.argument()
        lead, *pieces = re.split(r"#\d", found.group(2))
        kinds = tuple("u" + piece if piece.strip() else "m" for piece in pieces)
        self.keep(found.group(1), Macro(body, kinds, (None,) * len(kinds), lead.strip()))

    @handles("let")
    def _let(self) -> None:
        name = self._scan.name()
        self._scan.star("=")
        self._scan.star(" ")
        other = self._scan.argument().lstrip("\\")
        if other in self.switches or other in KNOWN_SWITCHES:
            self.switches[name] = self.switches.get(other, False)
        elif other in self.definitions:
            self.keep(name, self.definitions[other])
        elif len(other) > 1 and name not in OWN and name not in self._scan.handlers:
            self.keep(name, Macro("\\" + other))
        if other in self.hidden_environments:
            self.hidden_environments.add(name)

    @handles(
        "NewDocumentCommand NewExpandableDocumentCommand RenewDocumentCommand RenewExpandableDocumentCommand ProvideDocumentCommand ProvideExpandableDocumentCommand DeclareDocumentCommand DeclareExpandableDocumentCommand"
    )
    def _document_command(self) -> None:
        """xparse: ``\\NewDocumentCommand{\\name}{m o O{default} s}{body}``."""
        name, described, body = self._scan.name(), self._scan.argument(), self._scan.argument()
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
        self.keep(name, Macro(body, tuple(kinds), tuple(defaults)))

    @handles("DeclareMathOperator")
    def _math_operator(self) -> None:
        self._scan.star()
        self.keep(self._scan.name(), Macro(self._scan.argument()))

    @handles("newenvironment renewenvironment provideenvironment NewEnviron")
    def _new_environment(self) -> None:
        self._scan.star()
        name = self._scan.argument().strip()
        count, default = self._scan.optional(), self._scan.optional()
        begin, end = self._scan.argument(), self._scan.argument()
        if not name or name in _STRUCTURAL or _INTERNAL.search(begin) or self._scan.frames[-1].silent:
            return
        if re.search(r"\\(?:comment|setbox|sbox|savebox|iffalse|lrbox)\b|\\begin\s*\{(?:comment|lrbox)\}", begin):
            self.hidden_environments.add(name)
            return
        self.hidden_environments.discard(name)
        number = int(count) if count and count.strip().isdigit() else 0
        kinds, defaults = ["m"] * min(number, 9), [None] * min(number, 9)
        if default is not None and kinds:
            kinds[0], defaults[0] = "o", default  # type: ignore[call-overload]
        self.environments[name] = Macro(begin, tuple(kinds), tuple(defaults)), end

    @handles("newif")
    def _new_switch(self) -> None:
        name = self._scan.name()
        if name.startswith("if"):
            self.switches[name] = False

    @handles("urldef")
    def _define_address(self) -> None:
        name, command = self._scan.name(), self._scan.argument()
        self.keep(name, Macro(f"{command}{{{self._scan.argument()}}}"))

    @handles("newtheorem")
    def _new_theorem(self) -> None:
        self._scan.star()
        self._scan.argument()
        self._scan.optional()
        self._scan.argument()
        self._scan.optional()

    @handles("includecomment")
    def _include_comment(self) -> None:
        self.hidden_environments.discard(self._scan.argument().strip())

    @handles("excludecomment specialcomment")
    def _exclude_comment(self) -> None:
        self.hidden_environments.add(self._scan.argument().strip())
