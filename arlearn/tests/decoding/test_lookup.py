"""Generation by look-ups: the tokens of ``forward`` on the stored weights, or not used at all."""

import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arlearn.decoding.generate import generate
from arlearn.decoding.lookup import lookup_decoder
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps import BlocksMap, PeriodicMap
from arlearn.programs.arithmetic import multiplication
from arlearn.programs.circuits import parity_circuit
from arlearn.programs.compiling import compile_program
from arlearn.tasks.program import ProgramTask

sys.path.insert(0, str(Path(__file__).parents[1] / "programs"))
from program_strategies import programs


def greedy(predictor: LinearPredictor, prompt: torch.Tensor, count: int) -> torch.Tensor:
    """One token after the other from ``forward`` on all tokens so far."""
    tokens = prompt
    for _ in range(count):
        tokens = torch.cat([tokens, predictor(tokens)[:, -1].argmax(-1, keepdim=True)], dim=1)
    return tokens[:, prompt.shape[1] :]


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs(), seed=st.integers(0, 999))
def test_random_programs_give_the_tokens_of_forward(program, seed):
    predictor, task = compile_program(program), ProgramTask(program)
    prompts = task.encode_prompts(task.draw(5, seed))
    assert lookup_decoder(predictor, task.length) is not None
    expected = greedy(predictor, prompts, task.generated)
    assert torch.equal(generate(predictor, prompts, task.generated), expected)
    assert torch.equal(generate(predictor, prompts[:1], task.generated), expected[:1])


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_random_whole_weights_give_the_tokens_of_forward(data):
    """No program behind them: blocks anywhere, periodic or not, with a bias or without."""
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 10_000)))
    inputs, outputs, vocabulary = 3, 4, 7
    reads = [
        (row, d, data.draw(st.integers(0, 2))) for row in range(5) for d in range(row + 1) if data.draw(st.booleans())
    ]
    pairs = [(t, s) for t in range(12) for s in range(t + 1) if data.draw(st.booleans())]
    causal = data.draw(
        st.sampled_from([PeriodicMap(inputs, outputs, 2, 3, reads), BlocksMap(12, inputs, outputs, pairs)])
    )

    def whole(*shape):
        return torch.randint(-9, 10, shape, generator=generator).float()

    with torch.no_grad():
        causal.weight.copy_(whole(*causal.weight.shape))
    bias = whole(vocabulary) + torch.arange(vocabulary) * 1000 if data.draw(st.booleans()) else None
    head = whole(vocabulary, outputs)
    predictor = LinearPredictor(whole(vocabulary, inputs), causal, head, bias)
    prompts = torch.randint(0, vocabulary, (4, 2), generator=generator)
    assert lookup_decoder(predictor, 11) is not None
    made = generate(predictor, prompts, 9)
    tokens = torch.cat([prompts, made], dim=1)
    scores = predictor(tokens)[:, 1:-1]
    # with ties any of the best will do
    assert torch.equal(scores.gather(2, made[..., None])[..., 0], scores.amax(-1))
    assert torch.equal(generate(predictor, prompts[2:3], 9), made[2:3])


def test_stops_and_callbacks():
    predictor = compile_program(multiplication(2))
    task = ProgramTask(multiplication(2))
    prompts = task.encode_prompts(torch.tensor([[12, 34], [99, 99], [0, 7]]))
    full = generate(predictor, prompts, task.generated)
    stop = int(full[1, 4])
    heard: list[tuple[int, int]] = []

    def hear(rows, tokens):
        heard.extend(zip(rows.tolist(), tokens.tolist(), strict=True))

    made = generate(predictor, prompts, task.generated, stop=[stop], callback=hear)
    for row in range(3):
        ends = (full[row] == stop).nonzero()
        length = int(ends[0]) + 1 if len(ends) else task.generated
        assert torch.equal(made[row, :length], full[row, :length])
        assert (made[row, length:] == -1).all()
        assert [token for r, token in heard if r == row] == full[row, :length].tolist()
        alone = generate(predictor, prompts[row : row + 1], task.generated, stop=[stop])
        assert torch.equal(alone[0], full[row, :length])


def test_changed_weights_are_looked_up_anew():
    task = ProgramTask(parity_circuit(4).program())
    predictor = compile_program(task.program)
    prompts = task.encode_prompts(torch.tensor([[1, 0, 1, 1]]))
    before = generate(predictor, prompts, task.generated)
    with torch.no_grad():
        predictor.head.neg_()
    assert not torch.equal(generate(predictor, prompts, task.generated), before)
    assert torch.equal(generate(predictor, prompts, task.generated), greedy(predictor, prompts, task.generated))


@pytest.mark.parametrize("change", ["fraction", "large", "float64", "another map", "window"])
def test_where_sums_could_be_rounded_it_is_not_used(change):
    predictor = compile_program(multiplication(1))
    length = 8
    with torch.no_grad():
        if change == "fraction":
            predictor.head[3, 0] += 0.5
        elif change == "large":
            predictor.map.weight[0] *= 2**24
        elif change == "float64":
            predictor = predictor.double()
        elif change == "another map":
            predictor = LinearPredictor.build(10, 8, 4)
        else:
            length = 100
    assert lookup_decoder(predictor, length) is None
