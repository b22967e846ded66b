"""A program with a loop, laid out so that every step reads at a fixed distance.

A block of a periodic map reads at one distance, the same in every pass. So the compiler adds two kinds of copies:

- *copies*: a token from before the loop is farther away in every pass. Where a step of the loop reads it, each pass
  begins with a copy ``keep.NAME`` of it, made from the copy of the pass before.
- *pass 0*: in the first pass, ``before.NAME`` reads where a pass before would stand. Copies ``first.NAME`` of the
  initial values are written there, unless the prompt happens to have them in these places already.
"""

from __future__ import annotations

from dataclasses import replace

from arlearn.programs.steps import BEFORE, Alphabet, Constant, Lookup, Program, Step, references, renamed

KEEP, FIRST = "keep.", "first."  # how the names of the added steps begin
FILLER = "filler"  # the alphabet of the tokens of pass 0 that nobody reads


def lay_out(program: Program) -> Program:
    """The program with these copies added; itself if it needs none. The program must be free of faults.

    In the result every step of the loop reads steps of its pass or of the pass before only, and wherever it reads
    ``before.NAME``, the token a period before the first NAME is NAME's initial value.
    """
    if program.loop is None:
        return program
    program = _with_copies(program)
    assert program.loop is not None
    body, initial = program.loop.steps, program.loop.initial
    carried = carried_phases(program)
    items = [item.name for item in (*program.slots, *program.steps)]
    begin = len(items) - len(body)
    if all(begin + i >= 0 and items[begin + i] == initial[body[i].name] for i in carried):
        return program
    kinds = {item.name: item.alphabet for item in (*program.slots, *program.steps)}
    word = next(word for word in ("." * n for n in range(1, 99)) if not _has(program, word))
    first: list[Step] = []
    for i in range(min(carried), len(body)):
        name = body[i].name
        if i in carried:
            first.append(Lookup(FIRST + name, kinds[initial[name]], initial[name]))
        else:
            first.append(Constant(FIRST + name, FILLER, word))
    alphabets = program.alphabets
    if any(isinstance(step, Constant) for step in first):
        alphabets = (*alphabets, Alphabet(FILLER, (word,)))
    copied = {body[i].name: FIRST + body[i].name for i in carried}
    loop = replace(program.loop, initial={**initial, **copied})
    return replace(program, alphabets=alphabets, steps=(*program.steps, *first), loop=loop)


def carried_phases(program: Program) -> list[int]:
    """Which steps of the loop, by their place in it, are read from the pass before; ascending."""
    read = {ref for step in program.body for ref in references(step) if ref.startswith(BEFORE)}
    return [i for i, step in enumerate(program.body) if BEFORE + step.name in read]


def _with_copies(program: Program) -> Program:
    assert program.loop is not None
    kinds = {item.name: item.alphabet for item in (*program.slots, *program.steps)}
    outside = list(dict.fromkeys(ref for step in program.loop.steps for ref in references(step) if ref in kinds))
    if not outside:
        return program
    copies = [Lookup(KEEP + name, kinds[name], BEFORE + KEEP + name) for name in outside]
    names = {name: KEEP + name for name in outside}
    loop = replace(
        program.loop,
        steps=(*copies, *(renamed(step, names) for step in program.loop.steps)),
        initial={**program.loop.initial, **{KEEP + name: name for name in outside}},
    )
    return replace(program, loop=loop)


def _has(program: Program, word: str) -> bool:
    return any(word in alphabet.words for alphabet in program.alphabets)
