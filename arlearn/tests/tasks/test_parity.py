from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arlearn.errors import ArlearnError
from arlearn.tasks import load_task
from arlearn.tasks.parity import ParityTask


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_answer_is_the_parity_of_the_secret_places(data: st.DataObject) -> None:
    bits = data.draw(st.integers(2, 20))
    subset = data.draw(st.integers(1, bits))
    step = data.draw(st.integers(0, min(subset, 5)))
    task = ParityTask(bits, subset, step, secret=data.draw(st.integers(0, 50)))
    assert len(set(task.places)) == subset
    row = data.draw(st.lists(st.integers(0, 1), min_size=bits, max_size=bits))
    tokens = task.encode(torch.tensor([row]))
    assert tokens.shape == (1, task.length)
    assert task.final_answer(tokens[0]) == str(sum(row[place] for place in task.places) % 2)
    assert torch.equal(task.parse_prompt("".join(map(str, row))), torch.tensor([row]))
    parity = 0
    for part, word in enumerate(task.render(tokens[0])[bits:-1]):
        before, taken = word.split(":")
        chosen = [row[place] for place in task.places[part * step : (part + 1) * step]]
        assert before == str(parity)
        assert taken == "".join(map(str, chosen)).ljust(step, "0")
        parity = (parity + sum(chosen)) % 2


def test_the_two_sides_of_the_split_are_everything() -> None:
    task = ParityTask(10, 4, 1)
    training, held_out = task.everything("training"), task.everything("held-out")
    assert training is not None
    assert held_out is not None
    assert len(training) + len(held_out) == 1024
    assert len({tuple(row) for row in torch.cat([training, held_out]).tolist()}) == 1024
    assert bool(task.is_training(task.draw(100, 1, "training")).all())
    assert not bool(task.is_training(task.draw(100, 1)).any())


@pytest.mark.parametrize(
    "configuration",
    [
        {"bits": 4, "subset": 5, "step": 1},
        {"bits": 4, "subset": 2, "step": 3},
        {"bits": 1, "subset": 0, "step": -1},
        {"bits": 4, "subset": 2},
        {"bits": 4.0, "subset": 2, "step": 1},
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(configuration: dict[str, object]) -> None:
    with pytest.raises(ArlearnError, match="parity task is invalid"):
        load_task("parity", configuration)


def test_hard_questions_and_broken_bits_are_refused() -> None:
    task = ParityTask(4, 2, 1)
    with pytest.raises(ArlearnError, match="hard"):
        task.draw(3, 0, hard=True)
    for text in ("", "101", "10102", "10 1x"):
        with pytest.raises(ArlearnError, match="is not 4 bits"):
            task.parse_prompt(text)
