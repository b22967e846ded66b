"""One set of weights runs every small machine: against the simulator at every step."""

import numpy as np
import pytest
import torch

from arlearn.decoding.generate import generate
from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor
from arlearn.programs.compiling import compile_program
from arlearn.programs.proving import prove
from arlearn.programs.text import example_text
from arlearn.programs.turing import Machine, parse, simulate
from arlearn.programs.universal import Sizes, symbol_in, universal_program
from arlearn.programs.universal_prompts import (
    MachinePrompt,
    UniversalInterface,
    disagreement,
    prompt_of,
    random_machine,
    read_run,
)
from arlearn.tasks.program import ProgramTask

CHAMPION = "1RB1LC_1RC1RB_1RD0LE_1LA1LD_1RH0LA"  # of five states: Marxen and Buntrock 1990; 47,176,870 steps


class Model:
    """A universal program of some sizes with its compiled predictor."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = Sizes(*sizes)
        self.task = ProgramTask(universal_program(self.sizes))
        self.predictor: LinearPredictor = compile_program(self.task.program)
        assert isinstance(self.task.interface, UniversalInterface)
        self.interface = self.task.interface
        self.period = self.task.semantics.period

    def run(self, machine: Machine, tape: str, steps: int, prompted: MachinePrompt | None = None) -> list[str]:
        """The words of the run, prompt included, up to so many steps and one token."""
        inputs = torch.tensor([self.interface.inputs(prompted or prompt_of(machine, tape, self.sizes))])
        prompt = self.task.encode_prompts(inputs)
        made = generate(self.predictor, prompt, steps * self.period + 1, stop=self.task.stop)
        return self.task.render(torch.cat([prompt[0], made[0]]))

    def follows(self, machine: Machine, tape: str, steps: int) -> tuple[str, int]:
        """Compare every row of the run with the simulator's; how it ended, and after how many steps."""
        prompted = prompt_of(machine, tape, self.sizes)
        words = self.run(machine, tape, steps, prompted)
        assert disagreement(words, prompted, tape, self.sizes) is None
        ended = read_run(words, self.sizes)
        run = simulate(machine, tape, steps)
        if ended.why in ("halted", "gap"):
            assert run.halted
            assert run.steps == ended.steps
        elif ended.why == "off":
            assert not 0 <= run.moments[ended.steps][0] + prompted.start < self.sizes.cells
        else:
            assert ended.steps == steps
            assert not run.halted or run.steps == steps
        return ended.why, ended.steps


@pytest.fixture(scope="module")
def small() -> Model:
    return Model(4, 2, 16)


def test_it_is_proved_for_every_machine_and_any_number_of_passes(small: Model) -> None:
    proof = prove(small.task.program, small.predictor)
    assert proof.proved
    assert proof.passes == "any"
    assert proof.period == 2 * 4 * 2 + 16 + 1
    assert proof.minimum_margin == 1
    assert proof.safe_in == ["float32", "float16", "bfloat16"]


def test_its_weights_do_not_depend_on_the_tape(small: Model) -> None:
    assert Model(4, 2, 40).predictor.parameter_count() == small.predictor.parameter_count()


def test_the_busy_beaver_of_four_states(small: Model) -> None:
    machine = parse(*example_text("busy-beaver-4", ".toml"))
    assert small.follows(machine, "", 200) == ("halted", 107)
    words = small.run(machine, "", 200)
    assert prompt_of(machine, "", small.sizes).answer(read_run(words, small.sizes)) == "halted: 107 steps, 13 ones"
    assert len(words) == 32 + 107 * 33 + 1


def test_the_champion_of_five_states_for_2000_steps() -> None:
    wide = Model(5, 2, 90)
    assert wide.follows(parse(CHAMPION), "", 2000) == ("running", 2000)


def test_a_thousand_random_machines_and_tapes() -> None:
    model = Model(3, 3, 9)
    random = np.random.default_rng(0)
    ends: dict[str, int] = {}
    for _ in range(1000):
        machine = random_machine(model.sizes, random)
        tape = "".join(random.choice(list("012"), random.integers(0, 6)))
        why, _ = model.follows(machine, tape, 25)
        ends[why] = ends.get(why, 0) + 1
    assert set(ends) == {"halted", "gap", "off", "running"}
    assert min(ends.values()) > 20


@pytest.mark.parametrize(
    ("machine", "tape", "said"),
    [
        ("binary-increment", "1011", "halted: 8 steps, 2 ones, tape 1100"),
        ("palindromes", "0110", "halted: 15 steps, 0 ones, accept"),
        ("palindromes", "01", "halted: 4 steps, 1 ones, reject"),
        ("1RA1RA", "", "ran off the tape: 20 steps, 20 ones"),
        ("1RB---_1LA0RB", "", "halted: 2 steps, 2 ones; the table has no rule for state A on symbol 1"),
    ],
)
def test_answers_in_the_machine_s_own_names(machine: str, tape: str, said: str) -> None:
    model = Model(8, 3, 20)
    text = (machine, "machine") if "R" in machine else example_text(machine, ".toml")
    parsed = parse(*text)
    words = model.run(parsed, tape, 100)
    assert prompt_of(parsed, tape, model.sizes).answer(read_run(words, model.sizes)) == said
    short = read_run(model.run(parsed, tape, 1), model.sizes)
    assert prompt_of(parsed, tape, model.sizes).answer(short).startswith("not halted: 1 steps")


def test_every_token_is_that_of_forward(small: Model) -> None:
    words = small.run(parse("1RB1LB_1LA1RH"), "", 20)
    where = {word: token for token, word in enumerate(small.task.words)}
    tokens = torch.tensor([[where[word] for word in words]])
    slots = small.task.prompt_length
    assert torch.equal(small.predictor(tokens[:, :-1]).argmax(-1)[:, slots - 1 :], tokens[:, slots:])


def test_what_does_not_fit_is_said_at_once(small: Model) -> None:
    machine = parse(*example_text("palindromes", ".toml"))
    with pytest.raises(ArlearnError) as error:
        prompt_of(machine, "0" * 20 + "2", small.sizes)
    for said in ("it has 7 states, the model is for 4", "it has 3 symbols", "the tape has 21 symbols", "not know: 2"):
        assert said in str(error.value)
    with pytest.raises(ArlearnError, match="'hello' is not a machine"):
        small.task.parse_prompt("hello")
    with pytest.raises(ArlearnError, match="states must be 1 to 25, not 30; symbols must be 2 to 10, not 1"):
        universal_program(Sizes(30, 1, 4))
    with pytest.raises(ArlearnError, match=r"25 states and 10 symbols need about .* million weights"):
        universal_program(Sizes(25, 10, 4))


def test_a_prompt_may_be_one_line(small: Model) -> None:
    inputs = small.task.parse_prompt("1RB1LB_1LA1RH 1")
    words = small.task.render(small.task.encode(inputs)[0])
    assert small.interface.answer(words).startswith("halted: ")
    assert small.task.final_answer(small.task.encode(inputs)[0]) == small.interface.answer(words)


def test_a_changed_run_does_not_agree(small: Model) -> None:
    machine = parse("1RB1LB_1LA1RH")
    prompted = prompt_of(machine, "", small.sizes)
    words = small.run(machine, "", 20, prompted)
    assert disagreement(words, prompted, "", small.sizes) is None
    cells = 2 * 8 + small.period * 3
    for place in range(cells, cells + 16):  # the row after three steps
        other = list(words)
        other[place] = "1" if symbol_in(words[place]) == "0" else "0"
        assert disagreement(other, prompted, "", small.sizes) is not None
    assert disagreement(words[: -small.period], prompted, "", small.sizes) is None
