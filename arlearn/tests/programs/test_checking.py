"""Every fault of a program is found, all of them at once."""

import dataclasses

import pytest

from arlearn.programs.builder import Builder
from arlearn.programs.checking import check, faults
from arlearn.programs.steps import (
    Add,
    Alphabet,
    Compare,
    Constant,
    Join,
    Lookup,
    Program,
    ProgramError,
    Slot,
    Step,
    Table,
    Term,
)
from arlearn.programs.text import from_json, parse_step

DIGIT = Alphabet("digit", ("0", "1", "2"), (0, 1, 2))
PAIR = Alphabet("pair", tuple(f"{i}*{j}" for i in "012" for j in "012"), None, ("digit", "digit"))
SUM = Alphabet("sum", ("s0", "s1", "s2", "s3", "s4"), (0, 1, 2, 3, 4))
BIT = Alphabet("bit", ("no", "yes"))
PRODUCT = Table("product", "pair", {word: int(word[0]) * int(word[2]) for word in PAIR.words})
NAMED = Table("named", "sum", {f"s{i}": str(i % 3) for i in range(5)}, "digit")
GOOD = Program(
    "good",
    (DIGIT, PAIR, SUM, BIT),
    (PRODUCT, NAMED),
    (Slot("x", "digit"), Slot("y", "digit")),
    (
        Join("p", "pair", ("x", "y")),
        Add("s", "sum", (Term("p", "product"),)),
        Lookup("d", "digit", "s", "named"),
        Compare("c", "bit", (Term("x"), Term("y", None, -1)), 1),
        Constant("k", "digit", "2"),
    ),
    ("d", "c"),
)


def with_step(step: Step) -> Program:
    return dataclasses.replace(GOOD, steps=(*GOOD.steps, step))


def test_a_good_program_has_no_faults() -> None:
    assert faults(GOOD) == []
    assert check(GOOD).words[:3] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Add("z", "sum", (Term("nowhere"),)), "refers to nowhere, which is not defined"),
        (Join("z", "pair", ("x", "z")), "refers to itself"),
        (Join("z", "nothing", ("x", "y")), "nothing is not an alphabet"),
        (Join("z", "pair", ("x", "p")), "joins digit and pair, but the alphabet pair joins digit and digit"),
        (Join("z", "sum", ("x", "y")), "the alphabet sum joins nothing"),
        (Lookup("z", "digit", "s", "nothing"), "nothing is not a table"),
        (Lookup("z", "digit", "x", "named"), "table named is for sum, x is of digit"),
        (Lookup("z", "bit", "s", "named"), "table named gives digit, the step writes bit"),
        (Lookup("z", "bit", "x"), "copies a token of digit, but its own alphabet is bit"),
        (Lookup("z", "digit", "p", "product"), "table product gives numbers"),
        (Constant("z", "digit", "9"), "'9' is not a token of digit"),
        (Add("z", "bit", (Term("x"),)), "the tokens of bit stand for no numbers"),
        (Add("z", "sum", (Term("c"),)), "the tokens of bit (c) stand for no numbers"),
        (Add("z", "sum", (Term("s", "named"),)), "gives tokens of digit, a sum needs numbers"),
        (Add("z", "sum", (Term("x"), Term("y"), Term("y"))), "out of range: 5, 6 can occur"),
        (Compare("z", "digit", (Term("x"),), 1), "digit has 3 tokens, not two"),
        (Constant("x", "digit", "1"), "the name 'x' is defined 2 times"),
        (Constant("9z", "digit", "1"), "names are letters"),
    ],
)
def test_each_fault_of_a_step(step: Step, said: str) -> None:
    found = faults(with_step(step))
    assert len(found) == 1
    assert said in found[0]


def test_forward_reference() -> None:
    steps = (Add("early", "sum", (Term("late"),)), Constant("late", "digit", "1"), *GOOD.steps)
    assert "refers to late, which comes after it" in faults(dataclasses.replace(GOOD, steps=steps))[0]


def test_table_gap_counts_only_where_it_can_be_met() -> None:
    holed = Table("named", "sum", {"s0": "0", "s1": "1", "s2": "2", "s4": "1"}, "digit")
    program = dataclasses.replace(GOOD, tables=(PRODUCT, holed))
    assert faults(program) == []  # no product of two digits up to 2 is 3
    less = Table("named", "sum", {"s0": "0", "s1": "1", "s3": "2"}, "digit")
    found = faults(dataclasses.replace(GOOD, tables=(PRODUCT, less)))
    assert len(found) == 1
    assert "gap: no entry for s2, s4" in found[0]


def test_ambiguous_join() -> None:
    parts = Alphabet("part", ("a", "ab"))
    joined = Alphabet("joined", ("aa", "aab", "aba", "abab"), None, ("part", "part"))
    same = dataclasses.replace(joined, words=("aa", "aab", "aab", "abab"))
    for alphabet, ambiguous in ((joined, False), (same, True)):
        program = Program(
            "join", (parts, alphabet), (), (Slot("x", "part"),), (Join("j", "joined", ("x", "x")),), ("j",)
        )
        assert any("the join is ambiguous" in fault for fault in faults(program)) == ambiguous


def test_context_overflow() -> None:
    assert faults(GOOD, context=6) == []
    found = faults(GOOD, context=5)
    assert len(found) == 1
    assert "need a context of 6, the limit is 5" in found[0]


def test_all_faults_at_once() -> None:
    program = Program(
        "bad",
        (DIGIT, DIGIT, Alphabet("sum", ("0", "s1"), (0,)), Alphabet("q", ("u",), None, ("gone",)), Alphabet("e", ())),
        (Table("t", "digit", {"7": "0"}, "sum"), Table("u", "gone", {})),
        (Slot("x", "digit", ("5",)), Slot("y", "lost"), Slot("w", "digit", ())),
        (Add("s", "sum", (Term("nowhere"),)), Join("s", "pair", ("x", "y"))),
        ("gone",),
    )
    found = faults(program, context=1)
    for said in (
        "alphabet 'digit' is defined 2 times",
        "the token '0' stands in alphabet digit and in sum",
        "alphabet sum has 2 tokens and 1 values",
        "alphabet q joins gone",
        "alphabet e is empty",
        "table t has entries for 7",
        "table u: gone is not an alphabet",
        "slot x: 5 are not tokens of digit",
        "slot y: lost is not an alphabet",
        "slot w allows no token",
        "the name 's' is defined 2 times",
        "step s refers to nowhere",
        "step s: pair is not an alphabet",
        "the outputs gone are not defined",
        "the context overflows",
    ):
        assert any(said in fault for fault in found), said
    with pytest.raises(ProgramError) as error:
        check(program, context=1)
    assert error.value.faults == found
    assert "\n" not in str(error.value)


def test_an_empty_program() -> None:
    found = faults(Program("empty", (), (), (), (), ()))
    assert any("the prompt is empty" in fault for fault in found)
    assert any("no outputs" in fault for fault in found)


def test_the_builder_checks_at_the_end() -> None:
    build = Builder("sum")
    digit = build.numbers("digit", range(3))
    build.output(build.add("s", digit, build.slot("x", digit), build.slot("y", digit)))
    with pytest.raises(ProgramError, match="out of range: 3, 4 can occur"):
        build.program()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "is not a step"),
        ("z : digit = dance x", "there is no rule 'dance'"),
        ("z : pair = join x", "join needs two or more names"),
        ("z : digit = lookup x", "lookup needs TABLE"),
        ("z : digit = copy x y", "copy needs one name"),
        ("z : digit = constant", "constant needs a word"),
        ("z : sum = add x y", "is not a sum of terms"),
        ("z : sum = add", "the sum is empty"),
        ("z : bit = compare x > 1", "compare needs a sum, '>='"),
        ("z : bit = compare x >= y", "compare needs a sum, '>='"),
    ],
)
def test_lines_that_are_no_steps(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        parse_step(line)


def test_unreadable_text_is_reported_whole() -> None:
    with pytest.raises(ProgramError) as error:
        from_json(
            {
                "name": "text",
                "alphabets": [{"words": ["a"]}],
                "tables": [{"name": "t", "source": "s", "entries": 3}],
                "slots": "x",
                "steps": "a : b = join\n# fine\nc : d = copy e\nf",
                "colour": "red",
            }
        )
    text = str(error.value)
    for said in (
        "unknown entry 'colour'",
        "alphabets entry 1",
        "tables entry 1",
        "slots must be a list",
        "step line 1",
        "step line 4",
    ):
        assert said in text
