"""What a LaTeX document does not print: hidden environments, drawings, boxes put aside, and white or tiny letters."""

from __future__ import annotations

import re
from typing import Final

from openbook.papers.latex_macros import Macros
from openbook.papers.latex_scanner import Scanner, handles

#: Environments whose content is a drawing or data, and no text.
_DRAWN: Final = frozenset(
    (
        "tikzpicture pgfpicture pspicture picture asy forest tikzcd circuitikz axis filecontents filecontents* CCSXML "
        "overpic luacode pycode dot2tex mpost prooftree "
        "psmatrix xy feynman neuralnetwork bytefield ganttchart dependency quantikz gnuplot scope"
    ).split()
)
_BOXES: Final = frozenset("tcolorbox mdframed shaded snugshade beamercolorbox".split())


class Unprinted:
    """Passes over what readers of the printed paper do not see."""

    def __init__(self, scan: Scanner, macros: Macros) -> None:
        self._scan = scan
        self._macros = macros
        #: The colours that are defined: whether they are white, or nearly so.
        self._colours = {"white": True}
        self._saved: dict[str, str] = {}
        self._boxes = 0

    def begins(self, environment: str) -> bool:
        """Pass over an environment that is not printed; False for any other."""
        if environment in self._macros.hidden_environments or environment in _DRAWN:
            self._pass_environment(environment)
        elif environment == "lrbox":
            name = self._scan.name()
            self._saved[name] = self._pass_environment(environment)
        else:
            self._boxes += environment in _BOXES
            return False
        return True

    def ends(self, environment: str) -> None:
        """Note the end of an environment."""
        self._boxes -= environment in _BOXES

    def _pass_environment(self, name: str) -> str:
        """Pass over an environment, those of its kind inside included, and give its content."""
        frame = self._scan.frames[-1]
        start, depth = frame.position, 0
        if self._scan.lookahead < 0:
            return ""
        nests = name not in self._macros.hidden_environments
        for found in re.compile(rf"\\(begin|end)\s*\{{{re.escape(name)}\}}").finditer(frame.text, start):
            if found.group(1) == "begin":
                depth += nests
                continue
            if depth == 0:
                frame.position = found.end()
                self._scan.print(" ")
                return frame.text[start : found.start()]
            depth -= 1
        self._scan.look(frame)
        return ""

    @handles("tikz")
    def _tikz(self) -> None:
        self._scan.optional()
        frame = self._scan.here()
        if frame is None:
            return
        if frame.text[frame.position] == "{":
            self._scan.argument()
        else:
            end = frame.text.find(";", frame.position, frame.position + 20_000)
            frame.position = end + 1 if end >= 0 else frame.position
        self._scan.print(" ")

    @handles("textcolor")
    def _text_colour(self) -> None:
        model, colour, text = self._scan.optional(), self._scan.argument(), self._scan.argument()
        if not self._unseen(colour, model):
            self._scan.push(text)

    @handles("color")
    def _colour(self) -> None:
        model = self._scan.optional()
        if self._unseen(self._scan.argument(), model):
            self._pass_group()

    def _colour_box(self, *, framed: bool) -> None:
        model = self._scan.optional()
        if framed:
            self._scan.argument()
        ground, text = self._scan.argument(), self._scan.argument()
        self._scan.push(text, dark=not self._is_white(ground, model))

    def _unseen(self, colour: str, model: str | None) -> bool:
        """Whether text of this colour is white on white."""
        if not self._is_white(colour, model) or self._boxes > 0 or any(frame.dark for frame in self._scan.frames):
            return False
        recent = "".join(self._scan.out[-12:])
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

    @handles("definecolor")
    def _define_colour(self) -> None:
        name, model, value = self._scan.argument().strip(), self._scan.argument().strip(), self._scan.argument().strip()
        self._colours[name] = _is_light(model, value)

    @handles("colorlet")
    def _let_colour(self) -> None:
        name, other = self._scan.argument().strip(), self._scan.argument().strip()
        self._colours[name] = self._is_white(other)

    @handles("fontsize")
    def _font_size(self) -> None:
        size = re.match(r"\s*(\d*\.?\d+)", self._scan.argument())
        self._scan.argument()
        if size and float(size.group(1)) < 1.5:
            self._pass_group()

    @handles("scalebox")
    def _scale(self) -> None:
        factor = re.match(r"\s*(\d*\.?\d+)\s*$", self._scan.argument())
        self._scan.optional()
        text = self._scan.argument()
        if not (factor and float(factor.group(1)) < 0.1):
            self._scan.push(text)

    def _pass_group(self) -> None:
        """Pass over the rest of the group, up to another colour or size in it."""
        frame = self._scan.frames[-1]
        depth = 0
        if not self._scan.look(frame, 20_000):
            return
        marks = re.compile(r"\\(?:color|normalcolor|fontsize|end|normalsize)(?![A-Za-z])|\\.|[{}]", re.DOTALL)
        for found in marks.finditer(frame.text, frame.position):
            mark = found.group()
            if depth == 0 and (mark == "}" or (len(mark) > 2 and mark[0] == "\\")):
                frame.position = found.start()
                return
            depth += (mark == "{") - (mark == "}")
        frame.position = len(frame.text)

    @handles("setbox")
    def _set_box(self) -> None:
        frame = self._scan.frames[-1]
        found = re.compile(r"\s*(?:\d+|\\[A-Za-z@]+)\s*=?\s*\\[hv]box\s*(?:to\s*[\w.]+)?\s*").match(
            frame.text, frame.position
        )
        if found:
            frame.position = found.end()
            self._scan.argument()

    @handles("savebox sbox")
    def _save_box(self) -> None:
        name = self._scan.name()
        self._scan.optional()
        self._scan.optional()
        self._saved[name] = self._scan.argument()

    @handles("colorbox")
    def _plain_box(self) -> None:
        self._colour_box(framed=False)

    @handles("fcolorbox")
    def _framed_box(self) -> None:
        self._colour_box(framed=True)

    @handles("usebox")
    def _use_box(self) -> None:
        self._scan.push(self._saved.get(self._scan.name(), ""))


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
