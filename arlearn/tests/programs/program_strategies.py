"""Random programs for property tests, and an interpreter of its own that reads them word by word."""

from __future__ import annotations

from hypothesis import strategies as st

from arlearn.programs.building import Builder, Kind, Ref
from arlearn.programs.steps import Add, Compare, Constant, Join, Lookup, Program

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
