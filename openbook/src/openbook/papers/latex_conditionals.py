"""Conditionals of a LaTeX document: which branch is printed."""

from __future__ import annotations

import re
from typing import Final

from openbook.papers.latex_macros import NO_VALUE, OWN, Macros
from openbook.papers.latex_scanner import Scanner, argument, handles

_BRANCH: Final = re.compile(r"\\(if[A-Za-z@]*|else|or|fi)(?![A-Za-z@])|\\(?:.|\n)")
#: Commands that begin with "if" and take their branches in braces, or are no conditionals at all.
_BRACED: Final = frozenset(
    (
        "iff ifthenelse iftoggle ifbool ifdef ifcsdef ifundef ifstrequal ifstrempty ifblank ifnumcomp ifnumequal "
        "ifdefempty ifdefstring ifboolexpr ifinlist ifdraft ifoptiondraft ifoptionfinal"
    ).split()
)


class Conditionals:
    """Takes the branch that a document's own switches, tests and comparisons choose."""

    def __init__(self, scan: Scanner, macros: Macros) -> None:
        self._scan = scan
        self._macros = macros
        self._toggles: dict[str, bool] = {}
        self._open = 0
        self._negated = False

    def takes(self, name: str) -> bool:
        """Do what a command says if it is a conditional or sets a switch; False for any other command."""
        if name[:2] == "if" and self._is_conditional(name):
            self._conditional(name)
            return True
        for ending in ("true", "false"):
            switch = f"if{name.removesuffix(ending)}"
            if name.endswith(ending) and switch in self._macros.switches:
                self._macros.switches[switch] = ending == "true"
                return True
        return False

    def _is_conditional(self, name: str) -> bool:
        return name not in _BRACED and name not in self._macros.definitions

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
        if self._negated:
            value, self._negated = not value, False
        if name != "iffalse" and not self._has_end():
            return
        if value or self._skip("else", "fi") == "else":
            self._open += 1

    @handles("unless")
    def _unless(self) -> None:
        self._negated = True

    @handles("else or")
    def _other_branch(self) -> None:
        """``\\else`` or ``\\or`` at the end of the branch that was taken."""
        if self._open:
            self._open -= 1
            self._skip("fi")

    @handles("fi")
    def _end_branch(self) -> None:
        self._open = max(self._open - 1, 0)

    def _value(self, name: str) -> bool | None:
        if name == "if":
            return self._character() == self._character()
        if name == "ifx":
            return self._same(self._scan.argument(), self._scan.argument())
        if name == "ifdefined":
            return self._is_defined(self._scan.argument())
        if name == "ifcsname":
            return self._is_defined("\\" + self._scan.until("\\endcsname").strip())
        if name in ("ifnum", "ifdim"):
            left, relation, right = self._number(), self._scan.argument(), self._number()
            if left is None or right is None:
                return None
            return left < right if relation == "<" else left > right if relation == ">" else left == right
        if name == "ifodd":
            number = self._number()
            return None if number is None else number % 2 == 1
        return self._macros.switches.get(name)

    def _character(self) -> str:
        """The next character, with macros replaced; after a command's name white space is none."""
        while self._scan.frames:
            frame = self._scan.frames[-1]
            if frame.position >= len(frame.text):
                if frame.path is not None or len(self._scan.frames) == 1:
                    return ""
                self._scan.frames.pop()
                continue
            if frame.text[frame.position] != "\\":
                if frame.text[frame.position] == " " and frame.text[frame.position - 1 : frame.position].isalpha():
                    frame.position += 1
                    continue
                frame.position += 1
                return frame.text[frame.position - 1]
            token = self._scan.argument()
            macro = self._macros.definitions.get(token[1:])
            if macro is None or macro.arguments:
                return token
            self._scan.push(macro.body)
        return ""

    def _number(self) -> int | None:
        """The number that comes next, as digits or as a macro's body; None if it is not known."""
        frame = self._scan.here()
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
        token = self._scan.argument()
        if token == r"\value":
            self._scan.argument()
        macro = self._macros.definitions.get(token[1:])
        body = macro.body.strip() if macro else ""
        return int(body[:9]) if re.fullmatch(r"-?\d+", body) else None

    def _is_defined(self, token: str) -> bool:
        name = token.lstrip("\\")
        return (
            name in self._macros.definitions
            or name in self._macros.switches
            or name in self._scan.handlers
            or name in OWN
        )

    def _same(self, one: str, other: str) -> bool:
        names = [one.lstrip("\\"), other.lstrip("\\")]
        if one == other:
            return True
        for name, against in (names, names[::-1]):
            if name in ("undefined", "@undefined"):
                return not self._is_defined(against)
            if name in ("empty", "@empty"):
                return against in self._macros.definitions and not self._macros.definitions[against].body.strip()
        if not any(self._is_defined(name) for name in names) and one[:1] == other[:1] == "\\":
            return True
        both = [self._macros.definitions.get(name) for name in names]
        return both[0] is not None and both[0] == both[1]

    def _skip(self, *stops: str) -> str:
        """Pass over a branch to the first of ``stops`` that belongs to it; "" if there is none."""
        depth = 0
        while self._scan.frames:
            frame = self._scan.frames[-1]
            for found in _BRANCH.finditer(frame.text, frame.position):
                depth, stop = self._step(frame.text, found, depth, stops)
                if stop:
                    frame.position = found.end()
                    return stop
            if frame.silent:  # odd code of a style file never hides the paper
                return ""
            self._scan.frames.pop()
        return ""

    def _has_end(self) -> bool:
        """Whether an ``\\fi`` for the conditional just read stands in what follows."""
        depth = 0
        for frame in reversed(self._scan.frames):
            if "\\fi" not in frame.text[frame.position :] or self._scan.lookahead < 0:
                continue
            for found in _BRANCH.finditer(frame.text, frame.position):
                depth, stop = self._step(frame.text, found, depth, ("fi",))
                if stop:
                    return True
            self._scan.look(frame)
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
        first = self._scan.argument()
        second = self._scan.argument() if other else ""
        self._scan.push(first if condition else second)

    @handles("ifthenelse")
    def _then_else(self) -> None:
        test = self._expanded_test(self._scan.argument())
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
            return self._toggles.get(name, self._macros.switches.get("if" + name, name == "true"))
        equal = re.match(r"\s*\\equal\s*", test)
        if equal:
            one, at = argument(test, equal.end())
            two, _ = argument(test, at)
            return self._scan.expanded(one).strip() == self._scan.expanded(two).strip()
        numbers = re.fullmatch(r"\s*(-?\d{1,9})\s*([<>=])\s*(-?\d{1,9})\s*", self._scan.expanded(test))
        if numbers:
            left, right = int(numbers.group(1)), int(numbers.group(3))
            return {"<": left < right, ">": left > right, "=": left == right}[numbers.group(2)]
        return False

    @handles("iftoggle ifbool")
    def _if_toggle(self) -> None:
        name = self._scan.argument().strip()
        self._choose(self._toggles.get(name, self._macros.switches.get("if" + name, False)))

    @handles("ifdraft ifoptiondraft")
    def _if_draft(self) -> None:
        self._choose(False)

    @handles("ifoptionfinal")
    def _if_final(self) -> None:
        self._choose(True)

    @handles("ifdef ifcsdef")
    def _if_defined(self) -> None:
        self._choose(self._is_defined(self._scan.argument()))

    @handles("ifundef @ifundefined")
    def _if_undefined(self) -> None:
        self._choose(not self._is_defined(self._scan.argument()))

    @handles("ifstrempty ifblank")
    def _if_empty(self) -> None:
        self._choose(not self._scan.argument().strip())

    @handles("ifdefempty ifdefvoid")
    def _if_empty_macro(self) -> None:
        name = self._scan.name()
        self._choose(self._same(f"\\{name}", r"\empty") or not self._is_defined(name))

    @handles("ifstrequal")
    def _if_equal(self) -> None:
        self._choose(self._scan.argument() == self._scan.argument())

    @handles("IfNoValueTF")
    def _if_no_value(self) -> None:
        self._choose(self._scan.argument() == NO_VALUE.strip())

    @handles("IfValueTF")
    def _if_value(self) -> None:
        self._choose(self._scan.argument() != NO_VALUE.strip())

    @handles("IfNoValueT IfValueF")
    def _if_no_value_only(self) -> None:
        self._choose(self._scan.argument() == NO_VALUE.strip(), other=False)

    @handles("IfValueT IfNoValueF")
    def _if_value_only(self) -> None:
        self._choose(self._scan.argument() != NO_VALUE.strip(), other=False)

    @handles("IfBooleanTF")
    def _if_star(self) -> None:
        self._choose(self._scan.argument() == "1")

    @handles("IfBooleanT")
    def _if_star_only(self) -> None:
        self._choose(self._scan.argument() == "1", other=False)

    @handles("IfBooleanF")
    def _unless_star(self) -> None:
        self._choose(self._scan.argument() != "1", other=False)

    @handles("setboolean setbool settoggle")
    def _set_toggle(self) -> None:
        name, value = self._scan.argument().strip(), self._scan.argument().strip()
        self._toggles[name] = value == "true"

    @handles("toggletrue booltrue")
    def _toggle_on(self) -> None:
        self._toggles[self._scan.argument().strip()] = True

    @handles("togglefalse boolfalse")
    def _toggle_off(self) -> None:
        self._toggles[self._scan.argument().strip()] = False
