"""Arithmetic tasks: the sequences say the truth, the split is a property of the pair, the prompt does not count."""

from __future__ import annotations

import doctest
import importlib
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arlearn.errors import ArlearnError
from arlearn.tasks import load_task
from arlearn.tasks.arithmetic import AdditionTask, MultiplicationTask
from arlearn.tasks.number_pairs import Pairs, PairTask

FORMATS = [(MultiplicationTask, name) for name in MultiplicationTask.formats]
FORMATS += [(AdditionTask, name) for name in AdditionTask.formats]


@pytest.mark.parametrize(
    ("module", "tasks"), [("arithmetic", ["AdditionTask", "MultiplicationTask"]), ("parity", ["ParityTask"])]
)
def test_the_sequences_in_the_docstrings_are_real(module: str, tasks: list[str]) -> None:
    imported = importlib.import_module(f"arlearn.tasks.{module}")
    for task in tasks:
        assert any(found.examples for found in doctest.DocTestFinder().find(getattr(imported, task)))
    result = doctest.testmod(imported)
    assert result.attempted > 0
    assert result.failed == 0


def numbers(digits: int) -> st.SearchStrategy[int]:
    return st.integers(10 ** (digits - 1) if digits > 1 else 0, 10**digits - 1)


@pytest.mark.parametrize(("kind", "name"), FORMATS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_answer_in_the_sequence_is_the_right_one(kind: type[PairTask], name: str, data: st.DataObject) -> None:
    digits = data.draw(st.integers(1, 8 if name != "paper" else 4))
    a, b = data.draw(numbers(digits)), data.draw(numbers(digits))
    task = kind(digits, name)
    tokens = task.encode(torch.tensor([[a, b]]))
    assert tokens.shape == (1, task.length)
    assert 0 <= int(tokens.min()) <= int(tokens.max()) < task.vocabulary
    assert task.final_answer(tokens[0]) == str(a * b if kind is MultiplicationTask else a + b)
    assert torch.equal(task.parse_prompt(f"{a} {task.sign} {b}"), torch.tensor([[a, b]]))
    assert [word for word in task.render(task.encode_prompts(torch.tensor([[a, b]]))[0]) if word.isdigit()] == [
        *str(a).zfill(digits),
        *str(b).zfill(digits),
    ]


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_sum_is_four_lookups_of_earlier_tokens(data: st.DataObject) -> None:
    """The rule that ``tasks.multiplication`` states, checked on the words themselves."""
    n = data.draw(st.integers(1, 6))
    task = MultiplicationTask(n, "linear")
    words = task.render(task.encode(torch.tensor([[data.draw(numbers(n)), data.draw(numbers(n))]]))[0])
    products: dict[tuple[int, int], int] = {}
    sums: dict[tuple[int, int], int] = {}
    place = 2 * n
    for i in range(n):
        for j in range(n):
            first, second = words[place].split("*")
            assert (first, second) == (words[n - 1 - j], words[2 * n - 1 - i])
            products[i, j] = int(first) * int(second)
            carry = products[i, j - 1] // 10 + sums[i, j - 1] // 10 if j else 0
            if i == 0:
                above = 0
            elif j < n - 1:
                above = sums[i - 1, j + 1] % 10
            else:
                above = products[i - 1, n - 1] // 10 + sums[i - 1, n - 1] // 10
            sums[i, j] = products[i, j] % 10 + above + carry
            assert words[place + 1] == f"s{sums[i, j]}"
            place += 3 if j == 0 else 2


def test_the_papers_format_has_307_tokens_for_four_digits() -> None:
    task = MultiplicationTask(4, "paper")
    assert (task.length, task.prompt_length, task.generated) == (307, 11, 296)
    for n in (1, 2, 3):
        assert MultiplicationTask(n, "paper").generated == 2 * n**3 + 8 * n**2 + 9 * n + 4
    words = task.render(task.encode(torch.tensor([[1000, 9999]]))[0])  # both ends of the range
    assert "".join(words[-8:]) == "09999000"
    assert sum("*" in word for word in words) == 16


def test_short_chains_have_the_length_that_is_claimed() -> None:
    for n in (2, 3, 4, 6, 8):
        assert MultiplicationTask(n, "linear").generated == 2 * n * n + 2 * n + 1


@settings(max_examples=40, deadline=None)
@given(digits=st.integers(1, 9), seed=st.integers(0, 1000), data=st.data())
def test_the_split_is_symmetric_and_belongs_to_the_pair(digits: int, seed: int, data: st.DataObject) -> None:
    pairs = Pairs(digits, seed)
    some = torch.tensor(data.draw(st.lists(st.tuples(numbers(digits), numbers(digits)), min_size=1, max_size=20)))
    assert torch.equal(pairs.is_training(some), pairs.is_training(some.flip(1)))
    assert torch.equal(pairs.is_training(some), torch.cat([Pairs(digits, seed).is_training(row[None]) for row in some]))


def test_three_pairs_in_four_are_for_training_and_the_reference_split_is_not_symmetric() -> None:
    drawn = Pairs(4).draw(40_000, 0, "all")
    for symmetric in (True, False):
        pairs = Pairs(4, 0, symmetric)
        share = pairs.is_training(drawn).float().mean().item()
        assert abs(share - 0.75) < 0.01
    held_out = drawn[~Pairs(4, 0, False).is_training(drawn)]
    mirrored = Pairs(4, 0, False).is_training(held_out.flip(1)).float().mean().item()
    assert abs(mirrored - 0.75) < 0.02
    assert not torch.equal(Pairs(4, 0).is_training(drawn), Pairs(4, 1).is_training(drawn))


@pytest.mark.parametrize("digits", [1, 2, 4, 8])
def test_draws_are_reproducible_and_stay_on_their_side(digits: int) -> None:
    task = MultiplicationTask(digits, "linear", skew=0.5)
    for split, side in (("training", True), ("held-out", False)):
        for hard in (False, True):
            drawn = task.draw(300, 5, split, hard)  # type: ignore[arg-type]
            assert torch.equal(drawn, task.draw(300, 5, split, hard))  # type: ignore[arg-type]
            assert bool((task.is_training(drawn) == side).all())
            assert int(drawn.min()) >= task.pairs.smallest
            assert int(drawn.max()) <= task.pairs.largest
    batch = task.batch(3, 64, 9)
    again = task.batch(3, 64, 9)
    assert torch.equal(batch.tokens, again.tokens)
    assert not torch.equal(batch.tokens, task.batch(4, 64, 9).tokens)
    assert not bool(batch.counted[:, : task.prompt_length].any())
    assert bool(batch.counted[:, task.prompt_length :].all())


def test_hard_pairs_are_rich_in_the_hard_digits_and_all_numbers_occur() -> None:
    hard = Pairs(4).draw(5000, 0, "held-out", 1.0)
    digits = torch.stack([hard // 10**k % 10 for k in range(4)])
    share = torch.isin(digits, torch.tensor([0, 1, 7, 8, 9])).float().mean().item()
    assert share > 0.9
    everything = Pairs(2).everything("all")
    assert everything is not None
    assert len(everything) == 8100
    uniform = Pairs(4).draw(200_000, 0, "all").flatten()
    assert int(uniform.min()) == 1000
    assert int(uniform.max()) == 9999


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"digits": 4}, "needs format"),
        ({"digits": 0, "format": "nonsense", "skew": 2}, "digits must be.*format must be.*skew must be"),
        ({"digits": 4, "format": "linear", "colour": 1}, "has no colour"),
        ({"digits": 4, "format": "linear", "split_seed": -1}, "split_seed"),
        ({"digits": "4", "format": "linear"}, "digits"),
        ({"digits": True, "format": "linear"}, "digits"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused_with_all_its_faults(
    configuration: dict[str, Any], said: str
) -> None:
    with pytest.raises(ArlearnError, match=said):
        load_task("multiplication", configuration)


@pytest.mark.parametrize(
    "text", ["", "12", "12 x", "123 x 4567", "0123 x 4567", "12345 x 1234", "-123 x 4567", "a x b"]
)
def test_a_prompt_that_is_no_question_of_the_task_is_refused(text: str) -> None:
    with pytest.raises(ArlearnError):
        MultiplicationTask(4, "linear").parse_prompt(text)


@pytest.mark.parametrize("kind", [MultiplicationTask, AdditionTask])
def test_a_task_is_rebuilt_from_its_configuration(kind: type[PairTask]) -> None:
    task = kind(3, "linear", split_seed=4, symmetric=False, skew=0.25)
    again = load_task(task.kind, task.configuration())
    assert again.configuration() == task.configuration()
    assert torch.equal(again.batch(0, 8, 1).tokens, task.batch(0, 8, 1).tokens)
