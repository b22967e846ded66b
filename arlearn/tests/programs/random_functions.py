"""Random Python functions of the whole subset, which end on every input."""

from random import Random

HELPERS = """
def g(x, y):
    while x > y and x > 3:
        x -= 3
    return x - y

def h(x):
    if x % 3 == 1:
        return True
    return x > 4
"""


class Draw:
    """One function: ``a`` and ``b`` are given, ``c`` and ``d`` are numbers, ``t`` is a tuple, ``flag`` a truth value."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.counters = 0

    def pick(self, *options: str) -> str:
        return self.random.choice(options)

    def number(self, depth: int = 2) -> str:
        if depth == 0 or self.random.random() < 0.3:
            return self.pick("a", "b", "c", "d", "0", "1", "2", "7", "-3")
        one, other = self.number(depth - 1), self.number(depth - 1)
        return self.pick(
            f"({one} {self.pick('+', '-', '*', '//', '%')} {other})",
            f"({one} {self.pick('+', '-')} {other})",
            f"({one} if {self.truth(depth - 1)} else {other})",
            f"{self.pick('min', 'max')}({one}, {other})",
            f"abs({one})",
            f"g({one}, {other})",
            f"t[{one}]",
            f"t[{one} % 3{self.pick('', ' - 3', ' - 1')}]",
            f"(-{one})",
        )

    def truth(self, depth: int = 2) -> str:
        """A value that is True or False."""
        one, other = self.number(max(depth - 1, 0)), self.number(max(depth - 1, 0))
        simple = self.pick(
            f"{one} {self.pick('<', '<=', '==', '!=', '>', '>=')} {other}", f"h({one})", "flag", f"0 <= c < {one}"
        )
        if depth == 0:
            return simple
        return self.pick(
            simple,
            f"({self.truth(depth - 1)} {self.pick('and', 'or')} {self.truth(depth - 1)})",
            f"(not {self.truth(depth - 1)})",
        )

    def condition(self) -> str:
        return (
            self.truth() if self.random.random() < 0.8 else f"{self.number()} {self.pick('and', 'or')} {self.truth(1)}"
        )

    def block(self, depth: int, loop: bool) -> list[str]:
        return [f"    {line}" for _ in range(self.random.randint(1, 2)) for line in self.statement(depth, loop)]

    def statement(self, depth: int, loop: bool) -> list[str]:
        kinds = ["set", "set", "add", "swap", "flag", "tuple"] + (["if", "if", "while", "for", "each"] if depth else [])
        kind = self.random.choice(kinds + (["leave"] if loop else []))
        name = self.pick("a", "b", "c", "d")
        if kind == "set":
            return [f"{name} = {self.number()}"]
        if kind == "add":
            return [f"{name} {self.pick('+=', '-=')} {self.number(1)}"]
        if kind == "swap":
            return [f"{name}, c = {self.number(1)}, {self.number(1)}"]
        if kind == "flag":
            return [f"flag = {self.truth()}"]
        if kind == "tuple":
            return [f"t = ({self.number(1)}, {self.number(1)}, {self.number(0)})"]
        if kind == "leave":
            return [f"if {self.condition()}:", f"    {self.pick('break', 'continue', 'return c, d')}"]
        if kind == "if":
            return [f"if {self.condition()}:", *self.block(depth - 1, loop), "else:", *self.block(depth - 1, loop)]
        if kind == "each":
            return [f"for d in (c, {self.number(0)}, 4):", *self.block(depth - 1, True)]
        if kind == "for":
            return [
                f"for c in range({self.pick('3', 'b', 'b, 4', '4, a, -2', 'a % 3')}):",
                *self.block(depth - 1, True),
            ]
        self.counters += 1
        n = f"n{self.counters}"
        body = [f"    {n} += 1", *self.block(depth - 1, True)]
        return [f"{n} = 0", f"while {n} < 3 and ({self.condition()}):", *body]


def random_function(seed: int) -> str:
    """The text of ``f(a, b)`` and of what it calls."""
    draw = Draw(seed)
    lines = ["c, d, flag = 1, 2, a < b", "t = (a, 5, b)"]
    for _ in range(draw.random.randint(2, 4)):
        lines += draw.statement(2, False)
    lines.append(f"return {draw.number()}, d" if draw.random.random() < 0.9 else "return c, d")
    return HELPERS + "\ndef f(a, b):\n" + "".join(f"    {line}\n" for line in lines)
