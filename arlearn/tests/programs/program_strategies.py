"""Random programs for property tests, and an interpreter of its own that reads them word by word."""

from __future__ import annotations

from hypothesis import strategies as st

from arlearn.programs.builder import Builder, Kind, Ref, compare_rule, select_rule
from arlearn.programs.steps import Add, Compare, Constant, Join, Lookup, Parts, Program, Select

DIGITS = 4  # the values of a "digit" are 0..3


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Two to four prompt slots and up to eight steps of every kind, always free of faults."""
    build = Builder("random")
    digit = build.numbers("digit", range(DIGITS))
    pair = build.pairs("pair", digit, digit)
    number = build.numbers("number", range(-60, 61), "n{}")
    letter = build.words("letter", ("a", "b", "c", "d", "e"))
    verdict = build.words("verdict", ("no", "yes"))
    modulus = draw(st.integers(2, DIGITS))
    digit_of = build.word_table("digit_of", number, digit, lambda w: str(int(w[1:]) % modulus))
    letter_of = build.word_table("letter_of", pair, letter, lambda w: "abcde"[(3 * int(w[0]) + int(w[2])) % 5])
    weight_of = build.number_table("weight_of", pair, lambda w: int(w[0]) * int(w[2]) - 2)
    vowel = build.number_table("vowel", letter, lambda w: 2 if w in "ae" else -1)
    refs: dict[str, list[Ref]] = {kind: [] for kind in ("digit", "pair", "number", "letter", "verdict")}

    def terms(limit: int) -> list[object]:
        found: list[object] = []
        for _ in range(draw(st.integers(1, limit))):
            kind = draw(st.sampled_from([k for k in ("digit", "pair", "letter") if refs[k]]))
            ref = draw(st.sampled_from(refs[kind]))
            term = {"digit": lambda r: r * 1, "pair": weight_of, "letter": vowel}[kind](ref)
            found.append(term * draw(st.sampled_from([-2, -1, 1, 2])))
        return found

    for i in range(draw(st.integers(2, 4))):
        only = draw(st.none() | st.lists(st.sampled_from("0123"), min_size=1, unique=True))
        refs["digit"].append(build.slot(f"x{i}", digit, only))
    for i in range(draw(st.integers(1, 8))):
        name = f"s{i}"
        options = ["join", "add", "compare", "constant", "copy"]
        options += ["letter"] if refs["pair"] else []
        options += ["digit"] if refs["number"] else []
        rule = draw(st.sampled_from(options))
        some = draw(st.sampled_from(refs["digit"]))
        made: tuple[Kind, Ref]
        if rule == "join":
            made = pair, build.join(name, pair, some, draw(st.sampled_from(refs["digit"])))
        elif rule == "add":
            made = number, build.add(name, number, *terms(3), constant=draw(st.integers(-5, 5)))  # type: ignore[arg-type]
        elif rule == "compare":
            made = verdict, build.compare(name, verdict, *terms(4), at_least=draw(st.integers(-9, 9)))  # type: ignore[arg-type]
        elif rule == "constant":
            made = letter, build.constant(name, letter, draw(st.sampled_from("abcde")))
        elif rule == "copy":
            made = digit, build.copy(name, digit, some)
        elif rule == "letter":
            made = letter, build.lookup(name, letter, letter_of, draw(st.sampled_from(refs["pair"])))
        else:
            made = digit, build.lookup(name, digit, digit_of, draw(st.sampled_from(refs["number"])))
        refs[made[0].name].append(made[1])
        build.output(made[1])
    return build.program()


def run_by_words(program: Program, prompt: list[str]) -> list[str]:
    """What the program writes after this prompt, one word at a time, with nothing but dictionaries."""
    values = {a.name: dict(zip(a.words, a.values or (), strict=False)) for a in program.alphabets}
    words_of = {a.name: dict(zip(a.values or (), a.words, strict=False)) for a in program.alphabets}
    truth = {a.name: a.words for a in program.alphabets}
    kind = {item.name: item.alphabet for item in (*program.slots, *program.steps)}
    tables = {table.name: table.entries for table in program.tables}
    said = dict(zip([slot.name for slot in program.slots], prompt, strict=True))

    def total(terms: object) -> int:
        found = 0
        for term in terms:  # type: ignore[attr-defined]
            word = said[term.ref]
            found += term.weight * int(tables[term.table][word] if term.table else values[kind[term.ref]][word])
        return found

    for step in program.steps:
        if isinstance(step, Join):
            said[step.name] = "*".join(said[ref] for ref in step.refs)
        elif isinstance(step, Lookup):
            said[step.name] = str(tables[step.table][said[step.ref]]) if step.table else said[step.ref]
        elif isinstance(step, Constant):
            said[step.name] = step.word
        elif isinstance(step, Add):
            said[step.name] = words_of[step.alphabet][total(step.terms) + step.constant]
        elif isinstance(step, Compare):
            said[step.name] = truth[step.alphabet][total(step.terms) >= step.threshold]
    return list(said.values())


@st.composite
def looped_programs(draw: st.DrawFn) -> Program:
    """Two or three slots, up to two steps, and a loop of two to seven steps of every kind that can halt."""
    build = Builder("random-loop")
    digit = build.numbers("digit", range(DIGITS))
    pair = build.pairs("pair", digit, digit)
    verdict = build.words("verdict", ("no", "yes"))
    mixed = build.pairs("mixed", digit, verdict, between="/")
    total = build.numbers("total", range(4 * DIGITS), "t{}")
    reduced = build.word_table("reduced", total, digit, lambda w: str(int(w[1:]) % DIGITS))
    shifted = build.word_table("shifted", digit, digit, lambda w: str((int(w) + 1) % DIGITS))
    holed = build.word_table("holed", pair, digit, lambda w: w[0] if w[0] < w[2] else None)
    plain = build.word_table("plain", mixed, digit, lambda w: w[0])
    digits = [build.slot(f"x{i}", digit) for i in range(draw(st.integers(2, 3)))]
    for i in range(draw(st.integers(0, 2))):
        digits.append(build.lookup(f"early{i}", digit, shifted, draw(st.sampled_from(digits))))
    outside = list(digits)
    build.loop(halt=["yes"])
    names = [f"s{i}" for i in range(draw(st.integers(1, 6)))]
    kinds = [draw(st.sampled_from(["lookup", "pair", "total", "mixed"])) for _ in names]
    of_digits = [name for name, kind in zip(names, kinds, strict=True) if kind == "lookup"]
    here: list[Ref] = []
    pairs: list[Ref] = []
    totals: list[Ref] = []
    mixes: list[Ref] = []

    def some() -> Ref:
        way = draw(st.integers(0, 3))
        if way == 0 and of_digits:
            return build.before(draw(st.sampled_from(of_digits)), outside[0])
        return draw(st.sampled_from(here if way < 3 and here else outside))

    for name, kind in zip(names, kinds, strict=True):
        if kind == "lookup":
            if pairs and draw(st.booleans()):
                here.append(build.select(name, digit, holed(draw(st.sampled_from(pairs))), some()))
            elif totals and draw(st.booleans()):
                here.append(build.lookup(name, digit, reduced, draw(st.sampled_from(totals))))
            elif mixes and draw(st.booleans()):
                here.append(build.lookup(name, digit, plain, draw(st.sampled_from(mixes))))
            else:
                here.append(build.lookup(name, digit, shifted, some()))
        elif kind == "pair":
            pairs.append(build.join(name, pair, some(), some()))
        elif kind == "total":
            totals.append(build.add(name, total, some(), some() * 2, constant=draw(st.integers(0, 3))))
        else:
            compared = compare_rule(some(), -some(), at_least=draw(st.integers(-1, 2)))
            mixes.append(build.parts(name, mixed, select_rule(shifted(some())), compared))
    build.output(build.compare("end", verdict, some(), some(), at_least=draw(st.integers(1, 5))))
    return build.program()


def run_loop_by_words(program: Program, prompt: list[str], length: int) -> list[str]:
    """So many words of a program with a loop that has been laid out, with nothing but dictionaries."""
    values = {a.name: dict(zip(a.words, a.values or (), strict=False)) for a in program.alphabets}
    words_of = {a.name: dict(zip(a.values or (), a.words, strict=False)) for a in program.alphabets}
    alphabets = {a.name: a for a in program.alphabets}
    tables = {table.name: table.entries for table in program.tables}
    assert program.loop is not None
    items = (*program.slots, *program.steps, *program.loop.steps)
    kind = {item.name: item.alphabet for item in items}
    said = dict(zip([slot.name for slot in program.slots], prompt, strict=True))
    order = [*prompt]

    def value(table: str | None, ref: str) -> int:
        word = said[ref]
        return int(tables[table][word] if table else values[kind[ref.removeprefix("before.")]][word])

    def word_of(rule: object, alphabet: str) -> str:
        if isinstance(rule, Join):
            return "*".join(said[ref] for ref in rule.refs)
        if isinstance(rule, Lookup):
            return str(tables[rule.table][said[rule.ref]]) if rule.table else said[rule.ref]
        if isinstance(rule, Constant):
            return rule.word
        if isinstance(rule, Select):
            found = (said[o.ref] if o.table is None else tables[o.table].get(said[o.ref]) for o in rule.options)
            return str(next(word for word in found if word is not None))
        if isinstance(rule, Parts):
            parts = alphabets[alphabet].parts
            return "/".join(word_of(each, part) for each, part in zip(rule.rules, parts, strict=True))
        assert isinstance(rule, Add | Compare)
        total = sum(term.weight * value(term.table, term.ref) for term in rule.terms)
        if isinstance(rule, Add):
            return words_of[alphabet][total + rule.constant]
        return alphabets[alphabet].words[total >= rule.threshold]

    for step in program.steps:
        said[step.name] = word_of(step, step.alphabet)
        order.append(said[step.name])
    initial = program.loop.initial
    while len(order) < length:
        for step in program.loop.steps:
            first = initial.get(step.name)
            said[f"before.{step.name}"] = said[step.name] if step.name in said else said.get(first or "", "")
        for step in program.loop.steps:
            said[step.name] = word_of(step, step.alphabet)
            order.append(said[step.name])
    return order[:length]
