"""Reading a Python function, and refusing what is outside the subset with line numbers, all faults at once.

The subset: functions of whole numbers (and truth values) with local variables, ``+ - * // %``, comparisons,
``and or not``, ``x if c else y``, ``if``, ``while``, ``for`` over ``range(...)`` or a tuple, ``break``, ``continue``,
``return``, tuples of numbers, ``abs``, ``min``, ``max``, ``len``, and calls of other such functions of the same file.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from arlearn.programs.steps import ProgramError

BUILTINS = {"abs": 1, "min": None, "max": None, "len": 1}  # how many arguments; None for two or more
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
LARGEST = 99_999  # numbers have at most five digits: all scores are then exact in float32
DEEPEST = 150  # nested expressions and blocks
LONGEST = 64  # elements of a tuple

INSTEAD: dict[type[ast.AST], str] = {
    ast.Div: "/ makes a float; write // for the whole quotient",
    ast.Pow: "** is not in the subset; write a product or a loop",
    ast.LShift: "<< is not in the subset; multiply by a power of two",
    ast.RShift: ">> is not in the subset; write // by a power of two",
    ast.BitAnd: "& is not in the subset; write 'and' for truth values, % for the low bits",
    ast.BitOr: "| is not in the subset; write 'or' for truth values",
    ast.BitXor: "^ is not in the subset; write != for truth values",
    ast.MatMult: "@ is not in the subset; write the sum out",
    ast.Invert: "~ is not in the subset; write -x - 1",
    ast.In: "'in' is not in the subset; write a loop that compares",
    ast.NotIn: "'not in' is not in the subset; write a loop that compares",
    ast.Is: "'is' is not in the subset; write ==",
    ast.IsNot: "'is not' is not in the subset; write !=",
    ast.List: "lists are not in the subset; write a tuple",
    ast.Dict: "dictionaries are not in the subset; write if and elif",
    ast.Set: "sets are not in the subset; write a tuple",
    **dict.fromkeys(
        (ast.ListComp, ast.GeneratorExp, ast.SetComp), "comprehensions are not in the subset; write a for loop"
    ),
    ast.Lambda: "lambda is not in the subset; write a function with def",
    ast.FunctionDef: "a function inside a function is not in the subset; write it at the top of the file",
    ast.Global: "global is a side effect; return the value instead",
    ast.Nonlocal: "nonlocal is a side effect; return the value instead",
    ast.Raise: "raise is not in the subset; return a number that says so",
    ast.Try: "try is not in the subset; test the condition with if",
    ast.Assert: "assert is not in the subset; state the inputs' ranges with --inputs",
    ast.With: "with is a side effect; a function computes from its arguments alone",
    **dict.fromkeys((ast.Import, ast.ImportFrom), "import is not in the subset; write the function in this file"),
    ast.NamedExpr: ":= is not in the subset; assign on a line of its own",
    ast.JoinedStr: "text is not in the subset; return numbers",
    ast.Attribute: "attributes and methods are not in the subset; write the computation out",
    ast.Yield: "yield is not in the subset; return a tuple",
    ast.Await: "await is not in the subset; call the function",
    ast.Slice: "slices are not in the subset; index one element at a time",
    ast.Starred: "* is not in the subset; name each element",
    ast.Delete: "del is a side effect; leave the variable unused",
    ast.Match: "match is not in the subset; write if and elif",
    ast.ClassDef: "classes are not in the subset; write functions of numbers",
}


@dataclass(frozen=True)
class FunctionSource:
    """A function, the functions it calls, and the constants of its file, checked against the subset.

    Attributes:
        path: as faults name it.
        name: the function that is compiled.
        functions: by name, that function and all it calls.
        constants: module-level numbers and tuples of numbers.
    """

    path: str
    name: str
    functions: Mapping[str, ast.FunctionDef]
    constants: Mapping[str, int | tuple[int, ...]]

    def text(self) -> str:
        """The Python text of all that is used, which ``read_source`` reads again."""
        lines = [f"{name} = {value!r}" for name, value in self.constants.items()]
        return "\n\n".join([*lines, *map(ast.unparse, self.functions.values())]) + "\n"


def read_source(text: str, path: str, name: str) -> FunctionSource:
    """The function ``name`` of this Python text. Raises ProgramError listing every fault with file and line."""
    try:
        module = ast.parse(text)
        with warnings.catch_warnings(action="ignore"):
            compile(module, path, "exec", dont_inherit=True)  # finds what parsing leaves: break outside a loop
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ProgramError(path, [f"{path}:{line}: this is not Python: {getattr(error, 'msg', error)}"]) from error
    if (deep := _too_deep(module)) is not None:
        raise ProgramError(path, [f"{path}:{deep}: this is nested more than {DEEPEST} deep; split it into assignments"])
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    if name not in functions:
        found = ", ".join(functions) or "none"
        raise ProgramError(path, [f"{path}: there is no function {name!r}; the functions of this file: {found}"])
    constants = _constants(module)
    reader = _FunctionReader(path, functions, constants)
    used = reader.follow(name)
    if reader.faults:
        raise ProgramError(path, [f"{path}:{line}: {fault}" for line, fault in sorted(set(reader.faults))])
    names = {node.id for each in used for node in ast.walk(functions[each]) if isinstance(node, ast.Name)}
    return FunctionSource(
        path,
        name,
        {each: functions[each] for each in used},
        {key: value for key, value in constants.items() if key in names},
    )


def assigned(function: ast.FunctionDef) -> set[str]:
    """The local variables of a function, its parameters among them."""
    stored = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored | {argument.arg for argument in function.args.args}


def _constants(module: ast.Module) -> dict[str, int | tuple[int, ...]]:
    found: dict[str, int | tuple[int, ...]] = {}
    outside = [node for node in module.body if not isinstance(node, ast.FunctionDef)]
    stored = [
        n.id for node in outside for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    for node in outside:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                value = ast.literal_eval(node.value)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue
            if (isinstance(value, tuple) and value and all(type(each) is int for each in value)) or type(value) is int:
                found[node.targets[0].id] = value
    return {name: value for name, value in found.items() if stored.count(name) == 1}  # others are no constants


class _FunctionReader:
    """Collects the faults of a function and of those it calls."""

    def __init__(
        self, path: str, functions: dict[str, ast.FunctionDef], constants: Mapping[str, int | tuple[int, ...]]
    ) -> None:
        self.path, self.functions, self.constants = path, functions, constants
        self.faults: list[tuple[int, str]] = []
        self.locals: set[str] = set()
        self.calls: dict[str, set[str]] = {}

    def follow(self, name: str) -> list[str]:
        """Read a function and all it calls; their names, in the order of the file."""
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in self.calls:
                self.calls[current] = set()
                self._function(self.functions[current])
                waiting.extend(self.calls[current])
        for current in self.calls:
            if current in self._reached(current):
                self._fault(self.functions[current], f"{current} calls itself (recursion); write a while loop")
        return [each for each in self.functions if each in self.calls]

    def _reached(self, name: str) -> set[str]:
        reached: set[str] = set()
        waiting = set(self.calls[name])
        while waiting:
            current = waiting.pop()
            reached.add(current)
            waiting |= self.calls.get(current, set()) - reached
        return reached

    def _fault(self, node: ast.AST, fault: str) -> None:
        self.faults.append((getattr(node, "lineno", 1), fault))

    def _function(self, function: ast.FunctionDef) -> None:
        arguments = function.args
        if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults or arguments.posonlyargs:
            self._fault(function, f"{function.name} has more than plain parameters; write def {function.name}(a, b)")
        if function.decorator_list:
            self._fault(function, f"{function.name} has a decorator; write the function without it")
        self.locals = assigned(function)
        for name in sorted(self.locals):
            if not name.isascii() or name in self.functions or name in BUILTINS:
                self._fault(function, f"the variable {name!r} is not plain ASCII or names a function; rename it")
        self._current = function.name
        body = function.body
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body = body[1:]  # the docstring
        for statement in body:
            self._statement(statement)
        if not _returns(body):
            self._fault(body[-1] if body else function, f"{function.name} can end without a value; write return")
        else:
            self._unassigned(body, {argument.arg for argument in arguments.args})

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._target(target)
            self._expression(node.value)
        elif isinstance(node, ast.AugAssign):
            self._target(node.target)
            self._operator(node, node.op)
            self._expression(node.value)
        elif isinstance(node, ast.AnnAssign):
            self._target(node.target)
            if node.value is not None:
                self._expression(node.value)
        elif isinstance(node, ast.Return):
            if node.value is None:
                self._fault(node, "return without a value; return a number")
            else:
                self._expression(node.value)
        elif isinstance(node, ast.If | ast.While):
            self._expression(node.test)
            self._block(node)
        elif isinstance(node, ast.For):
            self._target(node.target, alone=True)
            self._iterable(node.iter)
            self._block(node)
        elif isinstance(node, ast.Expr):
            if isinstance(node.value, ast.Call) and not self._known_call(node.value):
                self._expression(node.value)
            else:
                self._fault(node, "this line has no effect but a side effect; assign its value or leave it out")
        elif not isinstance(node, ast.Pass | ast.Break | ast.Continue):
            self._refuse(node)

    def _block(self, node: ast.If | ast.While | ast.For) -> None:
        if node.orelse and not isinstance(node, ast.If):
            self._fault(node, "else after a loop is not in the subset; set a variable before break")
        for statement in [*node.body, *node.orelse]:
            self._statement(statement)

    def _target(self, node: ast.expr, alone: bool = False) -> None:
        if isinstance(node, ast.Tuple) and not alone:
            for element in node.elts:
                self._target(element, alone=True)
        elif isinstance(node, ast.Subscript):
            self._fault(node, "a tuple's element cannot be assigned; build a new tuple")
        elif not isinstance(node, ast.Name):
            self._fault(node, "only variables can be assigned here; write NAME = ...")

    def _iterable(self, node: ast.expr) -> None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            if not 1 <= len(node.args) <= 3 or node.keywords:
                self._fault(node, "range takes one to three numbers")
            step = _literal(node.args[2]) if len(node.args) == 3 else 1
            if not step:
                self._fault(node, "the step of a range must be a number that is written out and not 0")
            for argument in node.args:
                self._expression(argument)
        else:
            self._expression(node)

    def _expression(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant):
            if type(node.value) is float or type(node.value) is complex:
                self._fault(node, f"{node.value!r} is a float; write whole numbers")
            elif not isinstance(node.value, int):
                self._fault(node, f"{node.value!r} is not a number; write whole numbers, True or False")
            elif abs(node.value) > LARGEST:
                self._fault(node, f"{node.value!r} has more than five digits; numbers go up to {LARGEST}")
        elif isinstance(node, ast.Name):
            if node.id not in self.locals and node.id not in self.constants:
                self._fault(node, f"{node.id!r} is no variable of this function and no constant number of this file")
        elif isinstance(node, ast.BinOp):
            self._operator(node, node.op)
            self._expression(node.left)
            self._expression(node.right)
        elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Invert):
            self._expression(node.operand)
        elif isinstance(node, ast.BoolOp):
            for value in node.values:
                self._expression(value)
        elif isinstance(node, ast.Compare):
            for operator in node.ops:
                if not isinstance(operator, COMPARISONS):
                    self._fault(node, INSTEAD[type(operator)])
            for value in [node.left, *node.comparators]:
                self._expression(value)
        elif isinstance(node, ast.IfExp):
            for value in (node.test, node.body, node.orelse):
                self._expression(value)
        elif isinstance(node, ast.Tuple):
            if not 1 <= len(node.elts) <= LONGEST:
                self._fault(node, f"a tuple has 1 to {LONGEST} elements here, not {len(node.elts)}")
            for value in node.elts:
                self._expression(value)
        elif isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice | ast.Tuple):
            self._expression(node.value)
            self._expression(node.slice)
        elif isinstance(node, ast.Call):
            self._call(node)
        else:
            inner = node.op if isinstance(node, ast.UnaryOp) else node
            self._refuse(node.slice if isinstance(node, ast.Subscript) else inner, getattr(node, "lineno", 1))

    def _known_call(self, node: ast.Call) -> bool:
        return isinstance(node.func, ast.Name) and (node.func.id in self.functions or node.func.id in BUILTINS)

    def _call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if node.keywords:
            self._fault(node, "arguments with names are not in the subset; give them in order")
        for argument in node.args:
            self._expression(argument)
        if name in self.functions:
            self.calls[self._current].add(str(name))
            wanted = len(self.functions[str(name)].args.args)
            if len(node.args) != wanted:
                self._fault(node, f"{name} takes {wanted} arguments, not {len(node.args)}")
        elif name in BUILTINS:
            wanted_builtin = BUILTINS[str(name)]
            if len(node.args) != wanted_builtin and not (wanted_builtin is None and len(node.args) >= 2):
                self._fault(node, f"{name} takes {wanted_builtin or 'two or more'} arguments here")
        elif name == "range":
            self._fault(node, "range stands only after 'in' of a for loop")
        else:
            what = f"{name!r} is no function of this file" if name else "only functions of this file can be called"
            self._fault(node, f"{what}; define it here (built in: {', '.join(BUILTINS)}; no input, output or floats)")

    def _operator(self, node: ast.AST, operator: ast.operator) -> None:
        if not isinstance(operator, OPERATORS):
            self._fault(node, INSTEAD[type(operator)])

    def _refuse(self, node: ast.AST, line: int | None = None) -> None:
        why = INSTEAD.get(type(node), f"{type(node).__name__} is not in the subset (docs/programs.md lists it)")
        self.faults.append((line or int(getattr(node, "lineno", 1)), why))

    def _unassigned(self, body: list[ast.stmt], known: set[str]) -> set[str] | None:
        """Report variables that a path reads before it assigns them; those assigned at the end, None if not reached."""
        have: set[str] | None = set(known)
        for node in body:
            if have is None:
                return None
            if isinstance(node, ast.If):
                self._reads(node.test, have)
                ends = [self._unassigned(branch, have) for branch in (node.body, node.orelse)]
                reached = [end for end in ends if end is not None]
                have = set.intersection(*reached) if reached else None
            elif isinstance(node, ast.While | ast.For):
                self._reads(node.test if isinstance(node, ast.While) else node.iter, have)
                inside = have | (
                    {node.target.id} if isinstance(node, ast.For) and isinstance(node.target, ast.Name) else set()
                )
                self._unassigned(node.body, inside)
                if isinstance(node, ast.While) and _endless(node):
                    have = have if any(isinstance(each, ast.Break) for each in ast.walk(node)) else None
            else:
                self._reads(node, have)
                if not isinstance(node, ast.AnnAssign) or node.value is not None:
                    have |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
                if isinstance(node, ast.Return | ast.Break | ast.Continue):
                    have = None
        return have

    def _reads(self, node: ast.AST, have: set[str]) -> None:
        read = [n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            read.append(node.target)
        for name in read:
            if name.id in self.locals and name.id not in have:
                self._fault(name, f"{name.id!r} may be read before it has a value; assign it first on every path")


def _too_deep(module: ast.Module) -> int | None:
    """The line of something that is nested too deeply; None if nothing is."""
    level: list[tuple[ast.AST, int]] = [(module, 1)]
    for _ in range(DEEPEST):
        level = [(c, getattr(c, "lineno", line)) for node, line in level for c in ast.iter_child_nodes(node)]
    return level[0][1] if level else None


def _literal(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if type(value) is int else None


def _endless(node: ast.While) -> bool:
    return isinstance(node.test, ast.Constant) and bool(node.test.value)


def _returns(body: list[ast.stmt]) -> bool:
    """Whether every path through these statements returns (or never ends)."""
    for node in body:
        if isinstance(node, ast.Return):
            return True
        if isinstance(node, ast.If) and node.orelse and _returns(node.body) and _returns(node.orelse):
            return True
        breaks = any(isinstance(each, ast.Break) for each in ast.walk(node))
        if isinstance(node, ast.While) and _endless(node) and not breaks:
            return True
    return False
