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
#: The inner workings of LaTeX, but for those that authors use: they throw arguments away, or choose one of them.
_INTERNAL: Final = re.compile(
    r"\\(?!@(?:gobble|gobbletwo|firstofone|firstoftwo|secondoftwo|empty)(?![A-Za-z@]))(?:[A-Za-z]+@|@[A-Za-z])"
)
_DEFINES: Final = re.compile(
    r"\\(?:if|(?:re|provide)?new|renew|provide|def|gdef|edef|let|Declare|[A-Za-z]+(?:true|false)\b)"
)
#: What the beginning of an environment says that prints nothing of its content.
_HIDES: Final = re.compile(
    r"\\(?:comment|setbox|sbox|savebox|iffalse|lrbox)(?![A-Za-z])|\\begin\s*\{(?:comment|lrbox)\}"
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
        one, two = ("m",), ("m", "m")
        self.definitions: dict[str, Macro] = {
            "onedot": Macro("."),
            "xspace": Macro(""),
            "relax": Macro(""),
            "@empty": Macro(""),
            "@gobble": Macro("", one, (None,)),
            "@gobbletwo": Macro("", two, (None, None)),
            "@firstofone": Macro("#1", one, (None,)),
            "@firstoftwo": Macro("#1", two, (None, None)),
            "@secondoftwo": Macro("#2", two, (None, None)),
            "pdftooltip": Macro("#1", two, (None, None)),
        }
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
        if not name or ("@" in name and self._scan.frames[-1].silent):
            return
        if _INTERNAL.search(macro.body):
            if not macro.arguments or "#" in macro.body:
                return
            macro = Macro("", macro.arguments, macro.defaults)  # whatever it does, it prints none of its arguments
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
        kinds, defaults = self._counted()
        body = self._scan.argument()
        if not (provide and name in self.definitions):
            self.keep(name, Macro(body, kinds, defaults))

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
        "NewDocumentCommand RenewDocumentCommand ProvideDocumentCommand DeclareDocumentCommand NewExpandableDocumentCommand "
        "RenewExpandableDocumentCommand ProvideExpandableDocumentCommand DeclareExpandableDocumentCommand"
    )
    def _document_command(self) -> None:
        """xparse: ``\\NewDocumentCommand{\\name}{m o O{default} s}{body}``."""
        name, described = self._scan.name(), self._scan.argument()
        self.keep(name, Macro(self._scan.argument(), *_described(described)))

    @handles("NewDocumentEnvironment RenewDocumentEnvironment ProvideDocumentEnvironment DeclareDocumentEnvironment")
    def _document_environment(self) -> None:
        """xparse: ``\\NewDocumentEnvironment{name}{m +b}{begin}{end}``; ``b`` is all that stands in it."""
        name, described = self._scan.argument().strip(), self._scan.argument()
        begin, end = self._scan.argument(), self._scan.argument()
        kinds, defaults = _described(described)
        if described.rstrip().endswith("b"):
            if f"#{len(kinds)}" not in begin:
                self.hidden_environments.add(name)
                return
            begin, _, rest = begin.partition(f"#{len(kinds)}")
            kinds, defaults, end = kinds[:-1], defaults[:-1], rest + end
        self._keep_environment(name, Macro(begin, kinds, defaults), end)

    @handles("DeclareMathOperator")
    def _math_operator(self) -> None:
        self._scan.star()
        self.keep(self._scan.name(), Macro(self._scan.argument()))

    @handles("newenvironment renewenvironment provideenvironment")
    def _new_environment(self) -> None:
        self._scan.star()
        name = self._scan.argument().strip()
        kinds, defaults = self._counted()
        begin, end = self._scan.argument(), self._scan.argument()
        self._keep_environment(name, Macro(begin, kinds, defaults), end)

    @handles("NewEnviron RenewEnviron")
    def _new_environ(self) -> None:
        """environ: one body, in which ``\\BODY`` is all that stands in the environment."""
        name = self._scan.argument().strip()
        kinds, defaults = self._counted()
        begin, shown, end = self._scan.argument().partition("\\BODY")
        self._scan.optional()
        if not shown:
            self.hidden_environments.add(name)
        else:
            self._keep_environment(name, Macro(begin, kinds, defaults), end)

    def _counted(self) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
        """The arguments that ``[2][default]`` describes."""
        count, default = self._scan.optional(), self._scan.optional()
        number = min(int(count), 9) if count and count.strip().isdecimal() else 0
        if default is None or not number:
            return ("m",) * number, (None,) * number
        return ("o",) + ("m",) * (number - 1), (re.sub(r"^1=", "", default),) + (None,) * (number - 1)

    def _keep_environment(self, name: str, begin: Macro, end: str) -> None:
        if not name or name in _STRUCTURAL:
            return
        if _HIDES.search(begin.body):
            self.hidden_environments.add(name)
        elif not _INTERNAL.search(begin.body):
            self.hidden_environments.discard(name)
            self.environments[name] = begin, end

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

    @handles("includecomment includeversion")
    def _include_comment(self) -> None:
        self.hidden_environments.discard(self._scan.argument().strip())

    @handles("excludecomment specialcomment excludeversion")
    def _exclude_comment(self) -> None:
        self.hidden_environments.add(self._scan.argument().strip())


def _described(described: str) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """The arguments that a description of xparse lists."""
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
    return tuple(kinds), tuple(defaults)
