"""LaTeX commands: arguments, the author's own macros, and markup turned into words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pylatexenc.latex2text import LatexNodes2Text

from openbook.papers.characters import clean

_DEFINITION = re.compile(
    r"\\(?:newcommand|renewcommand|providecommand|DeclareRobustCommand)\*?\s*\{?\s*\\([A-Za-z]+)\s*\}?\s*(\[\d\])?\s*(?=\{)"
    r"|\\def\s*\\([A-Za-z]+)\s*(?=\{)"
)
_MATH = re.compile(
    r"\\begin\{(equation|align|gather|multline|eqnarray|displaymath|flalign|alignat)\*?\}.*?\\end\{\1\*?\}|\\\[.*?\\\]|\$\$.*?\$\$",
    re.DOTALL,
)
_REFERENCES = re.compile(
    r"\\(?:cite[a-zA-Z]*|[Cc]?ref|eqref|autoref|pageref|nameref|label|vspace|hspace|includegraphics|index|bibliographystyle|bibliography|setlength|addtolength|setcounter|usepackage|input|vskip|hskip|pagestyle|thispagestyle|affil|resizebox|scalebox)\*?\s*((?:\[[^\[\]]*\]\s*)*)(\{[^{}]*\})?"
)
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\s*\{[\w*]+\}(?:\[[^\[\]]{0,80}\])?")
_SILENT = re.compile(
    r"\\(?:maketitle|tableofcontents|newpage|clearpage|cleardoublepage|centering|noindent|newblock|small|footnotesize|"
    r"normalsize|raggedright|par|twocolumn|onecolumn|hfill|vfill|printbibliography|relax)(?![A-Za-z])"
)
_BARE_COMMAND = re.compile(r"\\(?:[A-Za-z@]+\*?|.)")
_LINE_END = re.compile(r"\\\\(?:\[[^\[\]]{0,20}\])?")
_TOKEN = re.compile(r"\\([A-Za-z]+)")
_MOST = 8_000_000


def argument(text: str, start: int) -> tuple[str, int]:
    """The braced argument at ``start`` (after white space) and where it ends; ``("", start)`` if there is none."""
    while start < len(text) and text[start].isspace():
        start += 1
    if start >= len(text) or text[start] != "{":
        return "", start
    depth, position = 0, start
    stop = min(len(text), start + 200_000)
    for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start, stop):
        mark = found.group()
        if mark == "{":
            depth += 1
        elif mark == "}":
            depth -= 1
            if depth == 0:
                return text[start + 1 : found.start()], found.end()
    position = start + 1
    return "", position


@dataclass(slots=True)
class Macros:
    """The author's own macros without arguments, such as ``\\newcommand{\\ours}{AsyncDiff\\xspace}``."""

    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, source: str) -> Macros:
        """All short macros that a source defines."""
        names: dict[str, str] = {}
        for found in _DEFINITION.finditer(source):
            if found.group(2):
                continue
            body, _ = argument(source, found.end())
            if body and len(body) < 400:
                names[found.group(1) or found.group(3)] = body.replace("\\xspace", "").strip()
        return cls(names)

    def expand(self, text: str) -> str:
        """The text with these macros replaced: four levels deep, never beyond a fixed length."""
        if not self.names:
            return text
        for _ in range(4):
            grown = 0
            changed = False

            def replace(match: re.Match[str]) -> str:
                nonlocal grown, changed
                body = self.names.get(match.group(1))
                if body is None or grown > _MOST:
                    return match.group()
                grown += len(body)
                changed = True
                return body

            text = _TOKEN.sub(replace, text)
            if not changed or len(text) > _MOST:
                break
        return text


_CONVERTER: LatexNodes2Text | None = None


def plain(text: str) -> str:
    """LaTeX markup as words. Text that the parser cannot follow is stripped of its commands instead."""
    global _CONVERTER
    text = text.strip()
    if not text:
        return ""
    if "\\" not in text and "$" not in text and "{" not in text:
        return clean(" ".join(text.replace("~", " ").replace("``", "“").replace("''", "”").split()))
    text = _DEFINITION_LINE.sub(" ", text)
    text = _REFERENCES.sub(_reference, text)
    text = _SILENT.sub(" ", _ENVIRONMENT.sub(" ", text))
    text = _LINE_END.sub(" ", text).replace("&", " ") if "&" in text else _LINE_END.sub(" ", text)
    if len(text) > 60_000 or text.count("{") > 4000 or _nesting(text) > 60:
        return _stripped(text)
    if _CONVERTER is None:
        _CONVERTER = LatexNodes2Text(math_mode="text", keep_comments=False, strict_latex_spaces=True)
    try:
        words = _CONVERTER.latex_to_text(text, tolerant_parsing=True)
    except Exception:  # the parser fails in many ways on real sources
        return _stripped(text)
    return clean(" ".join(words.split()))


_DEFINITION_LINE = re.compile(r"\\(?:newcommand|renewcommand|def|newtheorem|DeclareMathOperator)\b[^\n]*")


def _nesting(text: str) -> int:
    depth = deepest = 0
    for mark in re.findall(r"\\[{}]|[{}]", text):
        if mark == "{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark == "}":
            depth -= 1
    return deepest


def _reference(match: re.Match[str]) -> str:
    name = match.group()
    if name.startswith("\\cite"):
        keys = (match.group(2) or "{}")[1:-1]
        return f" [{keys}]" if keys else ""
    if "ref" in name.split("{")[0]:
        return "\\relax "
    return " "


def _stripped(text: str) -> str:
    text = _MATH.sub(" ", text)
    text = _BARE_COMMAND.sub(" ", text)
    return clean(" ".join(text.replace("{", "").replace("}", "").replace("$", "").replace("~", " ").split()))
