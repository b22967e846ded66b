"""A trace names the step and the sources of every token."""

from arlearn.programs.arithmetic import multiplication
from arlearn.programs.steps import references
from arlearn.tasks.program import ProgramTask


def test_every_token_has_its_step_and_sources() -> None:
    task = ProgramTask(multiplication(2))
    tokens = task.encode(task.parse_prompt("12 x 34"))[0]
    origins = task.trace(tokens)
    assert [origin.word for origin in origins] == task.render(tokens)
    assert [origin.position for origin in origins] == list(range(task.length))
    assert all(origin.rule is None and not origin.sources for origin in origins[: task.prompt_length])
    for origin, step in zip(origins[task.prompt_length :], task.program.steps, strict=True):
        assert (origin.name, origin.rule) == (step.name, step.rule())
        assert [name for _, name, _ in origin.sources] == list(references(step))
        for position, name, word in origin.sources:
            assert (origins[position].name, origins[position].word) == (name, word)
            assert position < origin.position


def test_a_line_and_a_record() -> None:
    task = ProgramTask(multiplication(2))
    origin = task.trace(task.encode(task.parse_prompt("12 x 34"))[0])[9]
    rule, read = str(origin).split("   [")
    assert rule.split() == [
        "9",
        "s4",
        "s1_0",
        "=",
        "add",
        "product_ones(p1_0)",
        "+",
        "product_tens(p0_0)",
        "+",
        "tens(s0_0)",
    ]
    assert read == "p1_0 = 1*4 at 8, p0_0 = 2*4 at 6, s0_0 = s8 at 7]"
    assert origin.as_json()["from"][0] == {"position": 8, "name": "p1_0", "token": "1*4"}


def test_part_of_a_sequence() -> None:
    task = ProgramTask(multiplication(2))
    tokens = task.encode(task.parse_prompt("12 x 34"))[0]
    assert len(task.trace(tokens[:3])) == 3
    assert len(task.trace(tokens[:8])) == 8
