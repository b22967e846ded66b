"""The expressions and variables of a Python function as steps: what a pass writes for them, and what they can be."""

from __future__ import annotations

import ast
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from arlearn.programs.python_arithmetic import NumberWriter
from arlearn.programs.python_digits import INDEX, Digit, DigitCell, Number, Truth, constant, narrowed, width
from arlearn.programs.python_reading import FunctionSource, assigned
from arlearn.programs.steps import BEFORE

Value = Number | DigitCell | bool | tuple[Number, ...]  # a number, a truth value, a tuple of numbers

SIGNS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
TURNED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
NOT = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass
class Frame:
    """One call of a function.

    Attributes:
        prefix: how the names of its variables begin.
        returns: where control leaves it, as truth values.
        loops: of the loops around the present statement: where it is left, and where it goes back.
    """

    function: ast.FunctionDef
    prefix: str
    returns: list[Truth] = field(default_factory=list)
    loops: list[tuple[list[Truth], list[Truth]]] = field(default_factory=list)

    @property
    def locals(self) -> set[str]:
        return assigned(self.function)


class ExpressionWriter(ABC):
    """Variables and expressions of one round. ``active`` says whether what is written now counts."""

    def __init__(
        self,
        source: FunctionSource,
        declared: dict[str, tuple[int, int]],
        truths: dict[str, bool],
        numbers: tuple[int, int],
    ) -> None:
        self.source, self.declared, self.truths = source, declared, truths
        self.writer = NumberWriter(*numbers)
        self.faults: list[tuple[int, str]] = []
        self.shapes: dict[str, int] = {}  # variable -> elements, of a tuple
        self.now: dict[str, Number] = {}  # variable -> its digits at this place of the pass, all that it may need
        self.bounds: dict[str, tuple[int, int]] = {}  # what is known of them here
        self.backs: dict[str, Truth] = {}
        self.active: Truth = DigitCell(f"{BEFORE}entry", "flag", "value", 0, 1)
        self.frame = Frame(source.functions[source.name], "")
        self.parameters = [argument.arg for argument in self.frame.function.args.args]
        self.form = ""
        self._count = 0

    @abstractmethod
    def _block(self, body: list[ast.stmt]) -> None:
        """Write the statements of a function that is called."""

    # Variables

    def _number_of(self, key: str) -> Number:
        """All digits of a variable at this place."""
        if key not in self.now:
            low, high = self.declared.get(key, (0, 0))
            n = width(low, high)
            if key.split(".")[0] == "return":  # what is returned is not kept: the run ends
                self.now[key] = Number((0,) * n, 0, low, high)
            else:
                digits = tuple(DigitCell(f"{BEFORE}v.{key}.{j}", "digit") for j in range(n))
                sign: Digit = DigitCell(f"{BEFORE}v.{key}.sign", "sign", "value", 0, 1) if low < 0 else 0
                self.now[key] = Number(digits, sign, low, high)
        return self.now[key]

    def _read(self, key: str) -> Value:
        if key in self.shapes:
            return tuple(self._part(f"{key}.{k}") for k in range(self.shapes[key]))
        value = self._part(key)
        return self.writer.nonzero(value) if self.truths.get(key) else value

    def _part(self, key: str) -> Number:
        value = self._number_of(key)
        return narrowed(value, *self.bounds.get(key, (value.low, value.high)))

    def _assign(self, key: str, value: Value, node: ast.AST) -> None:
        if isinstance(value, tuple):
            if self.shapes.setdefault(key, len(value)) != len(value) or key in self.declared:
                self._fault(node, f"{_plain(key)} is a tuple of another length elsewhere; use another variable")
            for k, element in enumerate(value):
                self._assign(f"{key}.{k}", element, node)
            return
        if key in self.shapes:
            self._fault(node, f"{_plain(key)} is a tuple elsewhere; use another variable")
        self.truths[key] = self.truths.get(key, True) and isinstance(value, DigitCell | bool)
        number = self.writer.number(value) if isinstance(value, DigitCell | bool) else value
        if self.active is False:
            return
        old = self._number_of(key)
        low, high = self.declared.get(key, (number.low, number.high))
        self.declared[key] = (min(low, number.low), max(high, number.high))
        taken = self.writer.chosen(self.active, number, old)
        digits = tuple(taken.digits[j] if j < len(taken.digits) else old.digits[j] for j in range(len(old.digits)))
        self.now[key] = Number(digits, taken.sign if old.low < 0 else 0, old.low, old.high)
        self.bounds[key] = (number.low, number.high)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """What a part that may not be run finds out about variables does not hold after it."""
        bounds, now = dict(self.bounds), dict(self.now)
        yield
        self.bounds = {key: each for key, each in bounds.items() if self.now.get(key) is now.get(key)}

    # Expressions

    def _number(self, node: ast.expr) -> Number:
        value = self._value(node)
        if isinstance(value, tuple):
            self._fault(node, "a tuple stands where a number is needed; take one of its elements")
            return constant(0)
        return self.writer.number(value) if isinstance(value, DigitCell | bool) else value

    def _truth(self, node: ast.expr, valued: bool = False) -> Truth:
        """A condition. ``valued``: it is also a value, so that it must be True or False already."""
        if isinstance(node, ast.BoolOp):
            return self._and_or(node, valued)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.writer.negation(self._truth(node.operand))
        value = self._value(node)
        if isinstance(value, tuple):
            self._fault(node, "a tuple is no condition; compare one of its elements")
            return False
        if isinstance(value, Number):
            if valued:
                what = f"{ast.unparse(node)} is a number; write {ast.unparse(node)} != 0, or x if x else y"
                self._fault(node, f"'and' and 'or' of numbers stand only in conditions, and {what}")
            return self.writer.nonzero(value)
        return value

    def _value(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, bool) else constant(int(node.value))  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            if node.id in self.frame.locals:
                return self._read(self.frame.prefix + node.id)
            known = self.source.constants[node.id]
            return tuple(map(constant, known)) if isinstance(known, tuple) else constant(known)
        if isinstance(node, ast.Tuple):
            return tuple(self._number(element) for element in node.elts)
        if isinstance(node, ast.BinOp):
            return self._arithmetic(node)
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Not):
                return self._truth(node)
            operand = self._number(node.operand)
            return self.writer.total([(-1, operand)], self.active) if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.BoolOp):
            return self._and_or(node, valued=True)
        if isinstance(node, ast.IfExp):
            return self._choice(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        assert isinstance(node, ast.Call)
        return self._call(node)

    def _arithmetic(self, node: ast.BinOp) -> Number:
        left, right = self._number(node.left), self._number(node.right)
        if isinstance(node.op, ast.Add | ast.Sub):
            return self.writer.total([(1, left), (1 if isinstance(node.op, ast.Add) else -1, right)], self.active)
        if isinstance(node.op, ast.Mult):
            return self.writer.product(left, right, self.active)
        if right.low == right.high == 0:
            self._fault(node, "this always divides by zero")
            return constant(0)
        quotient, rest = self.writer.divided(left, right, self.active)
        return quotient if isinstance(node.op, ast.FloorDiv) else rest

    def _compare(self, node: ast.Compare) -> Truth:
        if len(node.ops) > 1 and not all(isinstance(each, ast.Name | ast.Constant) for each in node.comparators[:-1]):
            self._fault(node, "a chain of comparisons needs a variable in the middle; assign it first")
        values = [self._number(each) for each in [node.left, *node.comparators]]
        found: Truth = True
        for left, operator, right in zip(values, node.ops, values[1:], strict=False):
            found = self.writer.both(found, self.writer.compared(left, SIGNS[type(operator)], right))
        return found

    def _and_or(self, node: ast.BoolOp, valued: bool = False) -> Truth:
        """The later operands count only where the earlier ones leave it open."""
        conjunction = isinstance(node.op, ast.And)
        found = self._truth(node.values[0], valued)
        came, moved = self.active, False
        passed: list[tuple[Truth, Truth]] = []
        with self._aside():
            for before, value in zip(node.values, node.values[1:], strict=False):
                passed.append((self.active, found))
                entered = (
                    self.writer.both(self.active, found) if conjunction else self.writer.without(self.active, found)
                )
                self.active = entered
                self._refine(before, conjunction)
                truth = self._truth(value, valued)
                found = self.writer.both(found, truth) if conjunction else self.writer.either(found, truth)
                moved |= self.active is not entered
        if moved:  # a loop of a function that an operand calls takes further passes
            left = [self.writer.without(a, t) if conjunction else self.writer.both(a, t) for a, t in passed]
            self.active = self.writer.either(self.active, *left)
        else:
            self.active = came
        return found

    def _choice(self, node: ast.IfExp) -> Value:
        test = self._truth(node.test)
        came = self.active
        values: list[Value] = []
        ends: list[Truth] = []
        moved = False
        for branch, holds in ((node.body, True), (node.orelse, False)):
            with self._aside():
                entered = self.writer.both(came, test) if holds else self.writer.without(came, test)
                self.active = entered
                self._refine(node.test, holds)
                values.append(self._value(branch))
                moved |= self.active is not entered
                ends.append(self.active)
        self.active = self.writer.either(*ends) if moved else came
        return self._either(test, values[0], values[1], node)

    def _either(self, test: Truth, a: Value, b: Value, node: ast.AST) -> Value:
        if isinstance(a, tuple) or isinstance(b, tuple):
            if not (isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b)):
                self._fault(node, "both sides must be tuples of one length, or neither")
                return constant(0)
            return tuple(self.writer.chosen(test, x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, Number) or isinstance(b, Number):
            x, y = (each if isinstance(each, Number) else self.writer.number(each) for each in (a, b))
            return self.writer.chosen(test, x, y)
        return self.writer.either(self.writer.both(test, a), self.writer.without(b, test))

    def _subscript(self, node: ast.Subscript) -> Value:
        value = self._value(node.value)
        index = self._number(node.slice)
        if not isinstance(value, tuple):
            self._fault(node, "only a tuple has elements")
            return constant(0)
        if index.low == index.high:
            if not -len(value) <= index.low < len(value):
                self._fault(node, f"the tuple has {len(value)} elements, there is no element {index.low}")
                return constant(0)
            return value[index.low]
        terms = [(10**j, digit) for j, digit in enumerate(index.digits)] + [(-(10 ** len(index.digits)), index.sign)]
        if index.high >= len(value):
            self.writer.check(INDEX, terms, len(value), self.active)
        if index.low < -len(value):
            self.writer.check(INDEX, [(-weight, digit) for weight, digit in terms], len(value) + 1, self.active)
        return self._element(value, narrowed(index, -len(value), len(value) - 1))

    def _element(self, value: tuple[Number, ...], index: Number) -> Number:
        """The element at an index that is inside the tuple; as in Python, -1 is the last."""
        low, high = max(index.low, -len(value)), min(index.high, len(value) - 1)
        found = value[min(low, len(value) - 1)]
        for k in range(low + 1, high + 1):
            found = self.writer.chosen(self.writer.compared(index, ">=", constant(k)), value[k], found)
        return found

    def _call(self, node: ast.Call) -> Value:
        name = node.func.id  # type: ignore[attr-defined]
        if name not in self.source.functions:
            return self._builtin(name, node)
        values = [self._value(argument) for argument in node.args]
        function = self.source.functions[name]
        caller = self.frame
        self.frame = Frame(function, f"{name}{self._next()}.")
        for parameter, value in zip(function.args.args, values, strict=True):
            self._assign(self.frame.prefix + parameter.arg, value, node)
        self._block(function.body)
        self.active = self.writer.either(*self.frame.returns)
        key = f"{self.frame.prefix}return"
        self.frame = caller
        self.writer.line = node.lineno
        self.bounds = {k: each for k, each in self.bounds.items() if not k.startswith(key)}
        return self._read(key)

    def _builtin(self, name: str, node: ast.Call) -> Value:
        if name == "len":
            value = self._value(node.args[0])
            if not isinstance(value, tuple):
                self._fault(node, "only a tuple has a length")
            return constant(len(value) if isinstance(value, tuple) else 0)
        if name == "abs":
            return self.writer.absolute(self._number(node.args[0]))
        only = self._value(node.args[0]) if len(node.args) == 1 else None
        values = list(only) if isinstance(only, tuple) else [self._number(argument) for argument in node.args]
        found = values[0]
        for value in values[1:]:
            less = self.writer.compared(value, "<" if name == "min" else ">", found)
            taken = self.writer.chosen(less, value, found)
            ends = min if name == "min" else max
            found = narrowed(taken, ends(value.low, found.low), ends(value.high, found.high))
        return found

    def _refine(self, test: ast.expr, holds: bool) -> None:
        """Note what a condition that holds, or does not, says about variables."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            self._refine(test.operand, not holds)
        elif isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) == holds:
            for value in test.values:
                self._refine(value, holds)
        elif isinstance(test, ast.Name):
            self._bound(test, "!=" if holds else "==", (0, 0))
        elif isinstance(test, ast.Compare) and len(test.ops) == 1:
            sign = SIGNS[type(test.ops[0])]
            sign = sign if holds else NOT[sign]
            left, right = test.left, test.comparators[0]
            for node, other, operator in ((left, right, sign), (right, left, TURNED[sign])):
                limits = self._limits(other)
                if limits is not None:
                    self._bound(node, operator, limits)

    def _limits(self, node: ast.expr) -> tuple[int, int] | None:
        """The range of a variable or a number that is written out."""
        if isinstance(node, ast.Constant | ast.Name):
            if isinstance(node, ast.Name) and self.frame.prefix + node.id in self.shapes:
                return None
            value = self._value(node)
            if isinstance(value, Number):
                return value.low, value.high
        return None

    def _bound(self, node: ast.expr, operator: str, limits: tuple[int, int]) -> None:
        """Narrow a variable's range: ``node operator something in limits``. Of x * x too."""
        low, high = limits
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and high >= 0:
            same = isinstance(node.left, ast.Name) and ast.dump(node.left) == ast.dump(node.right)
            if same and operator in ("<", "<=", "=="):
                self._bound(node.left, "<=", (0, math.isqrt(high)))
            return
        if not isinstance(node, ast.Name) or node.id not in self.frame.locals:
            return
        key = self.frame.prefix + node.id
        if key in self.shapes or self.truths.get(key):
            return
        value = self._part(key)
        least, most = value.low, value.high
        if operator in ("<", "<=", "=="):
            most = min(most, high - (operator == "<"))
        if operator in (">", ">=", "=="):
            least = max(least, low + (operator == ">"))
        if operator == "!=" and low == high:
            least, most = least + (least == low), most - (most == low)
        if least <= most:
            self.bounds[key] = (least, most)

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _fault(self, node: ast.AST, fault: str) -> None:
        self.faults.append((getattr(node, "lineno", 1), fault))


def _plain(key: str) -> str:
    """The variable's name as a fault says it."""
    name = key.rsplit(".", 1)[-1]
    return "what is returned" if name == "return" else name
