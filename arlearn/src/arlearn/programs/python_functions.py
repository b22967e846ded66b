"""Python functions as programs: the whole function is the body of one loop, and a pass runs it from top to bottom.

Every statement is written in every pass, and a truth value ``active`` says whether it counts: an assignment writes "the
new digits if active, else the old ones". Where a loop goes back to its head, the pass goes on inactive to its end, and
the next pass is active from that head on. So a pass makes one turn of the innermost loop that is running, and whatever
follows it; the tokens of a pass do not depend on how often the loops turn. Calls are put in place of themselves.

What a variable can be is found by writing the steps again and again until the ranges no longer grow (they are widened to
whole digits after a few rounds); a number that could leave the range of numbers is checked where it is made.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from arlearn.programs.checking import check
from arlearn.programs.python_digits import (
    CHECKS,
    Digit,
    DigitCell,
    Number,
    Truth,
    check_name,
    constant,
    narrowed,
    needed,
    width,
)
from arlearn.programs.python_expressions import ExpressionWriter, Value
from arlearn.programs.python_reading import LARGEST, FunctionSource
from arlearn.programs.steps import BEFORE, Constant, Lookup, Loop, Program, ProgramError, Slot, Step

ROUNDS, PATIENCE = 80, 6  # rounds of finding ranges; those before they are widened
MOST = 20_000  # tokens of a pass


def python_program(
    source: FunctionSource, ranges: Mapping[str, tuple[int, int]], numbers: tuple[int, int] = (-LARGEST, LARGEST)
) -> Program:
    """The program that computes the function for all inputs in these ranges.

    ``numbers``: what every number of the computation must stay in; a run that leaves it ends with ``overflow``.
    Raises ProgramError listing all faults, with file and line if they have one.
    """
    parameters = [argument.arg for argument in source.functions[source.name].args.args]
    faults = [f"{name} has no range; add {name}:0..255 to --inputs" for name in parameters if name not in ranges]
    faults += [f"--inputs names {name}, which {source.name} does not take" for name in ranges if name not in parameters]
    if not parameters:
        faults.append(f"{source.name} has no parameters, so there is nothing to compute it from")
    if not (-LARGEST <= numbers[0] <= 0 <= numbers[1] <= LARGEST):
        faults.append(f"--numbers {numbers[0]}..{numbers[1]} must hold 0 and lie in {-LARGEST}..{LARGEST}")
    for name in parameters:
        low, high = ranges.get(name, (0, 0))
        if low < numbers[0] or high > numbers[1]:
            faults.append(f"{name}:{low}..{high} goes beyond --numbers {numbers[0]}..{numbers[1]}")
    if faults:
        raise ProgramError(source.name, faults)
    declared: dict[str, tuple[int, int]] = {name: ranges[name] for name in parameters}
    truths: dict[str, bool] = dict.fromkeys(parameters, False)
    for turn in range(ROUNDS):
        before = (dict(declared), dict(truths))
        writing = _Writing(source, declared, truths, numbers)
        writing.function()
        if not any(isinstance(each, DigitCell) for each in writing.frame.returns):
            writing.faults.append((writing.frame.function.lineno, f"{source.name} never returns for these inputs"))
        if before == (declared, truths):
            break
        if turn >= PATIENCE:
            for name, (low, high) in declared.items():
                if before[0].get(name) != (low, high):
                    declared[name] = _widened(low, high, numbers)
    else:
        writing.faults.append((1, "the ranges of the variables do not settle; split the function"))
    if writing.faults:
        lines = [f"{source.path}:{line}: {fault}" for line, fault in sorted(set(writing.faults))]
        raise ProgramError(source.path, lines)
    program = _assembled(source, ranges, numbers, writing)
    check(program)
    return program


def _widened(low: int, high: int, numbers: tuple[int, int]) -> tuple[int, int]:
    """The next larger range of whole digits."""
    least = 0 if low >= 0 else 1 - 10 ** len(str(-low))
    most = min(high, 0) if high <= 0 else 10 ** len(str(high)) - 1
    return max(least, numbers[0]), min(most, numbers[1])


def _assembled(
    source: FunctionSource, ranges: Mapping[str, tuple[int, int]], numbers: tuple[int, int], writing: _Writing
) -> Program:
    """Slots, the steps before the loop, and the loop, from what has been written."""
    writer = writing.writer
    slots: list[Slot] = []
    for name, (low, high) in ((p, ranges[p]) for p in writing.parameters):
        n = width(low, high)
        if low < 0:
            slots.append(Slot(f"{name}.sign", "sign"))
        for j in reversed(range(n)):
            tops = tuple(str(digit) for digit in range(high // 10**j + 1)) if low >= 0 and j == n - 1 else None
            slots.append(Slot(f"{name}.{j}", "digit", tops))
    slots.append(Slot("begin", "flag", ("yes",)))
    outputs, returns = writing.finish()
    roots = [step.name for step in writer.steps if step.alphabet.startswith("check.") or step.name == "end"]
    steps = needed(writer.steps, [*roots, *outputs])
    given = {slot.name for slot in slots}
    first: dict[str, Step] = {}
    initial: dict[str, str] = {}
    for step in steps:
        if step.name == "entry":
            initial["entry"] = "begin"
        elif step.name.startswith("v.") and step.name.removeprefix("v.") in given:
            initial[step.name] = step.name.removeprefix("v.")
        elif (name := _parameter(step.name)) in ranges and step.alphabet == "digit" and ranges[name][0] < 0:
            # a digit beyond those of the prompt: 9 where the number is negative
            first[name] = Lookup(f"start.{name}", "digit", f"{name}.sign", writer.fill("sign"))
            initial[step.name] = f"start.{name}"
        elif step.name.startswith(("v.", "back.")):
            word = {"digit": "0", "sign": "+", "flag": "no"}[step.alphabet]
            first[step.alphabet] = Constant(f"start.{step.alphabet}", step.alphabet, word)
            initial[step.name] = f"start.{step.alphabet}"
    loop = Loop(tuple(steps), initial, ("returned", *(word for word in CHECKS if _writes(steps, word))))
    used = [*(slot.alphabet for slot in slots), *(step.alphabet for step in first.values())]
    interface = {
        "kind": "python",
        "path": source.path,
        "function": source.name,
        "source": source.text(),
        "inputs": {name: list(ranges[name]) for name in writing.parameters},
        "numbers": list(numbers),
        "returns": returns,
        "form": writing.form,
    }
    alphabets, tables = writer.alphabets(steps, used), writer.tables([*first.values(), *steps])
    return Program(source.name, alphabets, tables, tuple(slots), tuple(first.values()), tuple(outputs), interface, loop)


def _parameter(name: str) -> str:
    """The variable of which ``v.NAME.DIGIT`` is a digit; nothing for other steps and for what is no plain number."""
    parts = name.split(".")
    return parts[1] if len(parts) == 3 and parts[0] == "v" else ""


def _writes(steps: list[Step], word: str) -> bool:
    return any(step.alphabet == check_name(word) for step in steps)


class _Writing(ExpressionWriter):
    """One round: the function's statements, top to bottom, as steps of a pass."""

    def function(self) -> None:
        self._block(self.frame.function.body)

    def finish(self) -> tuple[list[str], list[list[int]]]:
        """The end of the pass: the result, whether it ends the run, and the variables for the next pass."""
        outputs: list[str] = []
        returns = []
        keys = [f"return.{k}" for k in range(self.shapes["return"])] if "return" in self.shapes else ["return"]
        for k, key in enumerate(keys):
            value = self._number_of(key)
            returns.append([len(value.digits), int(value.low < 0)])
            if value.low < 0:
                self._copy(outputs, f"result.{k}.sign", value.sign, "sign")
            for j in reversed(range(len(value.digits))):
                self._copy(outputs, f"result.{k}.{j}", value.digits[j], "digit")
        self.writer.ended("end", [each for each in self.frame.returns if isinstance(each, DigitCell)])
        for name in sorted(self.now):
            if name not in keys:
                value = self.now[name]
                for j, digit in enumerate(value.digits):
                    self.writer.copied(f"v.{name}.{j}", digit, "digit")
                if value.low < 0:
                    self.writer.copied(f"v.{name}.sign", value.sign, "sign")
        for name, back in self.backs.items():
            self.writer.copied(f"back.{name}", back if isinstance(back, DigitCell) else int(back), "flag")
        self.writer.copied("entry", 0, "flag")
        return outputs, returns

    def _copy(self, outputs: list[str], name: str, digit: Digit, kind: str) -> None:
        self.writer.copied(name, digit, kind)
        outputs.append(name)

    # Statements

    def _block(self, body: list[ast.stmt]) -> None:
        for node in body:
            if len(self.writer.steps) > MOST:
                self._fault(
                    node, f"a pass takes more than {MOST:,} tokens; call fewer functions, or use smaller numbers"
                )
                return
            self.writer.line = node.lineno
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            if isinstance(node.value, ast.Tuple) and all(_as_long(target, node.value) for target in node.targets):
                values = [self._value(element) for element in node.value.elts]
                for target in node.targets:
                    for each, value in zip(target.elts, values, strict=True):  # type: ignore[attr-defined]
                        self._store(each, value)
                return
            value = self._value(node.value)
            for target in node.targets:
                self._store(target, value)
        elif isinstance(node, ast.AugAssign):
            left = ast.copy_location(ast.Name(node.target.id, ast.Load()), node)  # type: ignore[union-attr]
            self._store(node.target, self._value(ast.copy_location(ast.BinOp(left, node.op, node.value), node)))
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._store(node.target, self._value(node.value))
        elif isinstance(node, ast.Return):
            assert node.value is not None
            value = self._value(node.value)
            self._assign(f"{self.frame.prefix}return", value, node)
            if not self.frame.prefix:
                form = "tuple" if isinstance(value, tuple) else "truth" if self.truths["return"] else "number"
                self.form = form
            self.frame.returns.append(self.active)
            self.active = False
        elif isinstance(node, ast.If):
            self._if(node)
        elif isinstance(node, ast.While):
            self._while(node)
        elif isinstance(node, ast.For):
            self._for(node)
        elif isinstance(node, ast.Break | ast.Continue):
            self.frame.loops[-1][isinstance(node, ast.Continue)].append(self.active)
            self.active = False

    def _store(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self._assign(self.frame.prefix + target.id, value, target)
        elif isinstance(target, ast.Tuple):
            if not isinstance(value, tuple) or len(value) != len(target.elts):
                self._fault(target, f"{len(target.elts)} variables need a tuple of {len(target.elts)} elements")
                return
            for element, each in zip(target.elts, value, strict=True):
                self._store(element, each)

    def _if(self, node: ast.If) -> None:
        test = self._truth(node.test)
        came, ends = self.active, []
        for branch, holds in ((node.body, True), (node.orelse, False)):
            with self._aside():
                self.active = self.writer.both(came, test) if holds else self.writer.without(came, test)
                self._refine(node.test, holds)
                self._block(branch)
                ends.append(self.active)
        self.writer.line = node.lineno
        whole = not any(
            isinstance(each, _LEAVES) for part in (node.body, node.orelse) for s in part for each in ast.walk(s)
        )
        self.active = came if whole else self.writer.either(*ends)
        if ends[0] is False:
            self._refine(node.test, False)
        elif ends[1] is False and node.orelse:
            self._refine(node.test, True)

    def _while(self, node: ast.While) -> None:
        name, head = self._loop_begins(node)
        self.active = head
        test = self._truth(node.test)
        left = self.writer.without(self.active, test)
        with self._aside():
            self.active = self.writer.both(self.active, test)
            self._refine(node.test, True)
            breaks = self._loop_body(name, node.body)
        self.active = self.writer.either(left, *breaks)
        if not breaks:
            self._refine(node.test, False)

    def _for(self, node: ast.For) -> None:
        begin, stop, step, items = self._range(node)
        prefix = f"{self.frame.prefix}for{self._next()}"
        self._assign(f"{prefix}.next", begin, node)
        if stop.low != stop.high:
            self._assign(f"{prefix}.stop", stop, node)
        known = self.bounds.get(f"{prefix}.stop")
        if items is not None and any(item.low != item.high for item in items):
            self._assign(f"{prefix}.items", items, node)
        name, head = self._loop_begins(node)
        self.active = head
        if known is not None:
            self.bounds[f"{prefix}.stop"] = known
        stop = stop if known is None else self._part(f"{prefix}.stop")
        following = self._part(f"{prefix}.next")
        test = self.writer.compared(following, "<" if step > 0 else ">", stop)
        left = self.writer.without(self.active, test)
        with self._aside():
            self.active = self.writer.both(self.active, test)
            here = narrowed(following, *((begin.low, stop.high - 1) if step > 0 else (stop.low + 1, begin.high)))
            element: Value = here
            if items is not None:
                held = self._read(f"{prefix}.items") if f"{prefix}.items" in self.shapes else items
                assert isinstance(held, tuple)
                element = self._element(held, here)
            self._store(node.target, element)
            self._assign(f"{prefix}.next", self.writer.total([(1, here), (1, constant(step))], self.active), node)
            breaks = self._loop_body(name, node.body)
        self.active = self.writer.either(left, *breaks)

    def _range(self, node: ast.For) -> tuple[Number, Number, int, tuple[Number, ...] | None]:
        """Where a for loop begins and stops, its step, and the tuple it goes over, if it does."""
        call = node.iter
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range":
            step = ast.literal_eval(call.args[2]) if len(call.args) == 3 else 1
            begin, stop = ([constant(0)] + [self._number(argument) for argument in call.args[:2]])[-2:]
            return begin, stop, int(step), None
        value = self._value(call)
        if not isinstance(value, tuple):
            self._fault(node, "a for loop goes over range(...) or a tuple")
            value = (constant(0),)
        return constant(0), constant(len(value)), 1, value

    def _loop_begins(self, node: ast.While | ast.For) -> tuple[str, Truth]:
        """The loop's name, and whether its head is reached: from above or from the pass before."""
        name = f"{self.frame.prefix}{self._next()}"
        changed = {self.frame.prefix + n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _stored(n)}
        self.bounds = {
            key: each
            for key, each in self.bounds.items()
            if key not in changed and key.rsplit(".", 1)[0] not in changed and "for" not in key and "return" not in key
        }
        return name, self.writer.either(self.active, DigitCell(f"{BEFORE}back.{name}", "flag", "value", 0, 1))

    def _loop_body(self, name: str, body: list[ast.stmt]) -> list[Truth]:
        """Write the body; where it is left by ``break``."""
        self.frame.loops.append(([], []))
        self._block(body)
        breaks, continues = self.frame.loops.pop()
        self.backs[name] = self.writer.either(self.active, *continues)
        return breaks


_LEAVES = (ast.Return, ast.Break, ast.Continue, ast.While, ast.For, ast.Call)


def _as_long(target: ast.expr, value: ast.Tuple) -> bool:
    """Whether each variable gets an element of its own, so that no tuple is made."""
    return isinstance(target, ast.Tuple) and len(target.elts) == len(value.elts)


def _stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)
