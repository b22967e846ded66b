"""The subset of Python that compiles to steps, and what to write instead of the rest.

The subset: functions of whole numbers (and truth values) with local variables, ``+ - * // %``, comparisons,
``and or not``, ``x if c else y``, ``if``, ``while``, ``for`` over ``range(...)`` or a tuple, ``break``, ``continue``,
``return``, tuples of numbers, ``abs``, ``min``, ``max``, ``len``, and calls of other such functions of the same file.
"""

from __future__ import annotations

import ast

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
    ast.ListComp: "comprehensions are not in the subset; write a for loop",
    ast.GeneratorExp: "comprehensions are not in the subset; write a for loop",
    ast.SetComp: "comprehensions are not in the subset; write a for loop",
    ast.Lambda: "lambda is not in the subset; write a function with def",
    ast.FunctionDef: "a function inside a function is not in the subset; write it at the top of the file",
    ast.Global: "global is a side effect; return the value instead",
    ast.Nonlocal: "nonlocal is a side effect; return the value instead",
    ast.Raise: "raise is not in the subset; return a number that says so",
    ast.Try: "try is not in the subset; test the condition with if",
    ast.Assert: "assert is not in the subset; state the inputs' ranges with --inputs",
    ast.With: "with is a side effect; a function computes from its arguments alone",
    ast.Import: "import is not in the subset; write the function in this file",
    ast.ImportFrom: "import is not in the subset; write the function in this file",
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
