"""Reading LaTeX token by token: a stack of texts, the arguments of commands, and what is printed.

Comments go, and code and addresses are written so that nothing in them is a command. What each command does is the
handlers' matter (``openbook.papers.latex_source`` and the modules that it brings together).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from openbook.papers.formats import decode

LONGEST: Final = 8_000_000
MOST_EXPANSIONS: Final = 100_000
DEEPEST: Final = 150

_CODE: Final = "verbatim|Verbatim|BVerbatim|lstlisting|minted|alltt"
_LEXED: Final = re.compile(
    rf"\\begin\s*\{{(?P<env>{_CODE})(?P<star>\*?)\}}(?P<code>.*?)\\end\s*\{{(?P=env)(?P=star)\}}"
    r"|\\(?:verb|lstinline)\*?(?P<mark>[^A-Za-z\s*{\[])(?P<verb>[^\n]*?)(?P=mark)"
    r"|(?P<between>\\(?:url|path|nolinkurl))(?P<edge>[|!+])(?P<inside>[^\n]*?)(?P=edge)"
    r"|(?P<link>\\(?:url|href|nolinkurl|path)\s*(?:\[[^\[\]]*\])?\s*\{)(?P<address>[^{}\n]*)\}"
    r"|\\.|(?P<comment>%[^\n]*(?:\n[ \t]*(?P<empty>\n)?)?)",
    re.DOTALL,
)
_OPTIONS: Final = re.compile(r"\s*(?:\[[^\[\]]*\])?\s*(?:\{\w+\})?")
_SPECIAL: Final = str.maketrans(
    {mark: "\\" + mark for mark in "%{}#$&_"}
    | {"\\": r"\textbackslash ", "^": r"\textasciicircum ", "~": r"\textasciitilde "}
)
_COMMAND: Final = re.compile(r"\\([A-Za-z@]+|.|$)", re.DOTALL)
_BRACE: Final = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKET: Final = re.compile(r"\\.|[{}\[\]]", re.DOTALL)


def argument(text: str, start: int) -> tuple[str, int]:
    """The braced argument at ``start`` (after white space) and where it ends; ``("", start)`` if there is none."""
    while start < len(text) and text[start].isspace():
        start += 1
    if start >= len(text) or text[start] != "{":
        return "", start
    unclosed = _unclosed(text) if len(text) > 5000 else set()
    if start in unclosed:
        return "", start + 1
    opened: list[int] = []
    for found in _BRACE.finditer(text, start, min(len(text), start + 200_000)):
        mark = found.group()
        if mark == "{":
            opened.append(found.start())
        elif mark == "}":
            opened.pop()
            if not opened:
                return text[start + 1 : found.start()], found.end()
    unclosed.update(brace for brace in opened if brace < start + 100_000)
    return "", start + 1


@lru_cache(maxsize=4)
def _unclosed(text: str) -> set[int]:
    """The braces of a text that are known to have no end, so that it is not looked for again from each of them."""
    return set()


@lru_cache(maxsize=4)  # a damaged file may put itself in a thousand times
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
        if found.group("between"):
            return found.group("between") + "{" + re.sub(r"([%#&_])", r"\\\1", found.group("inside")) + "}"
        if found.group("link"):
            address = re.sub(r"(?<!\\)([%#&_])", r"\\\1", found.group("address"))
            return found.group("link") + address + "}"
        return found.group()

    return _LEXED.sub(replace, text)


@dataclass(slots=True)
class ScanFrame:
    """A text being read: a file, a macro's body or an argument. ``silent``: a style file, of which nothing is printed."""

    text: str
    position: int = 0
    path: str | None = None
    folder: str = ""
    silent: bool = False
    dark: bool = False
    options: frozenset[str] = frozenset()


def handles(names: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Mark a method as what is done at these commands, separated by spaces."""

    def mark(method: Callable[..., object]) -> Callable[..., object]:
        method.commands = names.split()  # type: ignore[attr-defined]
        return method

    return mark


def handlers_of(part: Any) -> Iterator[tuple[str, Callable[[], object]]]:
    """The commands that an object's marked methods handle, and the methods."""
    for attribute in dir(type(part)):
        for name in getattr(getattr(type(part), attribute), "commands", ()):
            yield name, getattr(part, attribute)


class Scanner:
    """Reads a document's text and those that take its place. ``otherwise`` is called with commands without a handler."""

    def __init__(self, otherwise: Callable[[str], None]) -> None:
        self._otherwise = otherwise
        self.handlers: dict[str, Callable[[], object]] = {}
        self.frames: list[ScanFrame] = []
        self.out: list[str] = []
        #: Before ``\\begin{document}`` nothing is printed.
        self.preamble = False
        self.expansions = 0
        #: Characters that may still be read, and those that may be looked through for an end that is not there.
        self.budget = LONGEST
        self.lookahead = 2 * LONGEST

    def expanded(self, text: str) -> str:
        """A text with its macros replaced, read apart from the document."""
        kept = self.frames, self.out
        self.frames, self.out = [ScanFrame(text)], []
        self.run()
        made = "".join(self.out)
        self.frames, self.out = kept
        return made

    def run(self) -> None:
        while self.frames:
            frame = self.frames[-1]
            found = _COMMAND.search(frame.text, frame.position)
            self.print(frame.text[frame.position : found.start() if found else len(frame.text)])
            if found is None:
                self.frames.pop()
                continue
            frame.position = found.end()
            self._otherwise(found.group(1))

    def print(self, text: str) -> None:
        if text and not self.preamble and not self.frames[-1].silent:
            self.out.append(text)

    def push(self, text: str, *, dark: bool = False) -> None:
        """Read a text before what follows, if that does not go on for ever."""
        self.expansions += 1
        self.budget -= len(text)
        if text and len(self.frames) < DEEPEST and self.expansions < MOST_EXPANSIONS and self.budget > 0:
            above = self.frames[-1] if self.frames else ScanFrame("")
            self.frames.append(ScanFrame(text, folder=above.folder, silent=above.silent, dark=dark))

    def here(self) -> ScanFrame | None:
        """The frame that what comes next stands in, at the next character that is no white space."""
        while self.frames:
            frame = self.frames[-1]
            while frame.position < len(frame.text) and frame.text[frame.position].isspace():
                frame.position += 1
            if frame.position < len(frame.text) or frame.path is not None:
                return frame if frame.position < len(frame.text) else None
            if len(self.frames) == 1:
                return None
            self.frames.pop()
        return None

    def argument(self) -> str:
        """The next argument: a group in braces, a command, or one character."""
        frame = self.here()
        if frame is None:
            return ""
        mark = frame.text[frame.position]
        if mark == "{":
            start = frame.position
            inner, frame.position = argument(frame.text, start) if self.lookahead > 0 else ("", start + 1)
            if frame.position == start + 1:  # it has no end
                self.look(frame, 200_000)
            return inner
        if mark == "\\":
            found = _COMMAND.match(frame.text, frame.position)
            frame.position = found.end()  # type: ignore[union-attr]
            return found.group()  # type: ignore[union-attr]
        if mark == "}":
            return ""
        frame.position += 1
        return mark

    def optional(self, opening: str = "[", closing: str = "]") -> str | None:
        """The next argument if it stands in brackets."""
        if not self.frames:
            return None
        frame = self.frames[-1]
        start = frame.position
        while start < len(frame.text) and frame.text[start] in " \t\n" and frame.text[start : start + 2] != "\n\n":
            start += 1
        if frame.text[start : start + 1] != opening or self.lookahead < 0:
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
        self.look(frame, 20_000)
        return None

    def look(self, frame: ScanFrame, most: int = LONGEST) -> bool:
        """Count that the rest of a text is looked through in vain; False once a damaged source asked for too much."""
        self.lookahead -= min(len(frame.text) - frame.position, most)
        return self.lookahead > 0

    def star(self, mark: str = "*") -> bool:
        frame = self.frames[-1] if self.frames else None
        if frame and frame.text.startswith(mark, frame.position):
            frame.position += len(mark)
            return True
        return False

    def name(self) -> str:
        """The name of the command that comes next, in braces or not, without its backslash."""
        given = self.argument().strip()
        return given.lstrip("\\").strip() if given.startswith("\\") else ""

    def until(self, end: str) -> str:
        """What comes before ``end``, which is passed, in the text at hand."""
        frame = self.frames[-1]
        at = frame.text.find(end, frame.position)
        if at < 0:
            return ""
        inner = frame.text[frame.position : at]
        frame.position = at + len(end)
        return inner[1:-1] if inner.startswith("{") and inner.endswith("}") else inner
