"""LaTeX markup as plain words, and its links."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import LatexWalker

from openbook.papers.characters import clean
from openbook.papers.latex_scanner import argument
from openbook.text import one_line

_LINK: Final = re.compile(r"\\(href|url|nolinkurl|path)\s*(?:\[[^\[\]]*\])?\s*(?=\{)")
_PLACED: Final = re.compile(r"⟪(\d+)⟫")


def words_and_links(text: str) -> tuple[str, list[tuple[int, int, str]]]:
    """The plain words of a stretch of LaTeX, and its links as offsets into them."""
    if "\\href" not in text and "\\url" not in text and "\\path" not in text and "\\nolinkurl" not in text:
        return words(text), []
    text = text.replace("⟪", "").replace("⟫", "")
    found: list[tuple[str, str]] = []
    pieces: list[str] = []
    position = 0
    for command in _LINK.finditer(text):
        if command.start() < position:
            continue
        target, end = argument(text, command.end())
        address = (
            re.sub(r"\\(?:string|protect|allowbreak|linebreak)\s*|\\-|[{}\s]", "", target).replace("\\", "").strip()
        )
        anchor = address
        if command.group(1) == "href":
            inner, end = argument(text, end)
            anchor = words(inner) or address
        pieces += [text[position : command.start()], f"⟪{len(found)}⟫"]
        found.append((anchor, "https:" + address if address.startswith("//") else address))
        position = end
    marked = words("".join(pieces) + text[position:])
    links: list[tuple[int, int, str]] = []
    plain, position = "", 0
    for place in _PLACED.finditer(marked):
        if int(place.group(1)) >= len(found):
            continue
        anchor, address = found[int(place.group(1))]
        plain += marked[position : place.start()]
        if address.lower().startswith(("http://", "https://", "ftp://")) and anchor:
            links.append((len(plain), len(plain) + len(anchor), address))
        plain += anchor
        position = place.end()
    return plain + marked[position:], links


_MATH: Final = re.compile(
    r"\\begin\{(equation|align|gather|multline|eqnarray|displaymath|flalign|alignat)\*?\}.*?\\end\{\1\*?\}|\\\[.*?\\\]|\$\$.*?\$\$",
    re.DOTALL,
)
_REFERENCES: Final = re.compile(
    r"\\(?:cite[a-zA-Z]*|[Cc]ref|eqref|autoref|pageref|nameref|ref|label|vspace|hspace|includegraphics|index|setlength|vskip|"
    r"hskip|affil|resizebox|thispagestyle|pagestyle|bookmark|pdfbookmark|addcontentsline|footnotesize|cmidrule|cline|footnotemark)\*?"
    r"\s*((?:\[[^\[\]]*\]\s*)*)(\{[^{}]*\})?"
)
_ENVIRONMENT: Final = re.compile(r"\\(?:begin|end)\s*\{[\w*]+\}(?:\[[^\[\]]{0,80}\])?")
_SILENT: Final = re.compile(
    r"\\(?:maketitle|tableofcontents|newpage|clearpage|cleardoublepage|centering|noindent|newblock|small|footnotesize|"
    r"normalsize|raggedright|par|twocolumn|onecolumn|hfill|vfill|printbibliography|relax|toprule|midrule|bottomrule|hline|"
    r"smallskip|medskip|bigskip|protect|allowbreak|ignorespaces|unskip)(?![A-Za-z])"
)
#: Commands whose argument the converter would lose, or that stand for their last argument alone.
_FONT: Final = re.compile(
    r"\\(?:texttt|textsf|textmd|textup|textsl|textnormal|textrm|lowercase|enquote|hl|ul|uline)\s*(?=\{)"
)
_CELL: Final = re.compile(
    r"\\(?:multicolumn|multirow)\*?\s*(?:\[[^\[\]]*\])?\{[^{}]*\}\s*(?:\[[^\[\]]*\])?\{[^{}]*\}\s*(?=\{)"
)
_UNIT: Final = re.compile(r"\\(?:SI|qty)\s*(?:\[[^\[\]]*\])?\{([^{}]*)\}\s*\{([^{}]*)\}")
_SHOWN: Final = re.compile(
    r"\\hyperref\s*\[[^\[\]]*\]|\\(?:hyperlink|hypertarget|raisebox|makebox|parbox)\s*\{[^{}]*\}(?:\[[^\[\]]*\])*(?=\{)"
)
_SYMBOL: Final = re.compile(r"\\(?:ding|symbol|fnsymbol|arabic|alph|Alph|roman)\s*\{[^{}]*\}")
_BARE_COMMAND: Final = re.compile(r"\\(?:[A-Za-z@]+\*?|.)")
_ROW_END: Final = re.compile(r"\\\\\*?(?:\[[^\[\]]{0,20}\])?")
_CONVERTER: LatexNodes2Text | None = None


@lru_cache(maxsize=1024)  # macros write the same note again and again
def words(text: str) -> str:
    """LaTeX markup as words. Text that the parser cannot follow is stripped of its commands instead."""
    global _CONVERTER
    text = text.strip()
    if not text:
        return ""
    if "\\" not in text and "$" not in text and "{" not in text:
        return clean(
            " ".join(
                text.replace("~", " ")
                .replace("---", "—")
                .replace("--", "–")
                .replace("``", "“")
                .replace("''", "”")
                .split()
            )
        )
    text = text.replace("\\-", "").replace("\\/", "").replace("\\@", "")
    text = _UNIT.sub(r"\1 \2", _SYMBOL.sub("", _SHOWN.sub("", _CELL.sub("", _FONT.sub("", text)))))
    text = _REFERENCES.sub(_reference, text)
    text = _SILENT.sub(" ", _ENVIRONMENT.sub(" ", text))
    text = _ROW_END.sub(" ", text)
    text = re.sub(r"(?<!\\)&", " ", text)
    if len(text) > 60_000 or text.count("{") > 4000 or _nesting(text) > 60:
        return _stripped(text)
    if _CONVERTER is None:
        _CONVERTER = LatexNodes2Text(math_mode="text", keep_comments=False, strict_latex_spaces=True)
    try:
        converted = _CONVERTER.nodelist_to_text(_Parser(text).get_latex_nodes()[0])
    except Exception:  # the parser fails in many ways on real sources
        return _stripped(text)
    return clean(one_line(converted))


class _Parser(LatexWalker):  # type: ignore[misc]
    """A parser that gives up on text it reads again and again: each bracket left open would double its work.

    It takes about one token a character, and never two, where it reads everything once.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text, tolerant_parsing=True)
        self._tokens_left = 4 * len(text) + 100

    def get_token(self, *arguments: Any, **options: Any) -> Any:
        self._tokens_left -= 1
        if self._tokens_left < 0:
            raise OverflowError("the parser reads the same text again and again")
        return super().get_token(*arguments, **options)


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
