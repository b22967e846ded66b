"""Exact match must tell a model that answers from one that does not; questions must be refused where they cannot count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arlearn.errors import ArlearnError
from arlearn.evaluation.exact_match import choose_questions, exact_match, measure_task, read_pairs, wilson
from arlearn.predictors.base import Predictor
from arlearn.tasks.arithmetic import AdditionTask, MultiplicationTask
from arlearn.tasks.parity import ParityTask


def learned(task: AdditionTask | ParityTask, head: str, updates: int, rate: float, eps: float) -> Predictor:
    """A tiny training: the task's own predictor, Adam with a falling rate."""
    predictor = task.predictor({"head": head}, 0)
    weights = [weight for weight in predictor.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=rate, eps=eps)
    for update in range(updates):
        for group in optimiser.param_groups:
            group["lr"] = rate * (1 - update / updates)
        batch = task.batch(update, 96, 0)
        optimiser.zero_grad()
        torch.autograd.backward(predictor.loss(batch.tokens, batch.counted))
        optimiser.step()
    return predictor


@pytest.fixture(scope="module")
def adder() -> tuple[AdditionTask, Predictor]:
    task = AdditionTask(2, "linear")
    return task, learned(task, "structured", 120, 0.3, 7e-5)


def test_a_linear_predictor_learns_to_add_what_it_has_not_seen(adder: tuple[AdditionTask, Predictor]) -> None:
    task, predictor = adder
    questions = task.everything("held-out")
    assert questions is not None
    result = exact_match(predictor, task, questions, batch_size=500)
    assert result.exact_match > 0.99
    assert result.digit_accuracy >= result.exact_match
    assert result.count == len(questions)


def test_exact_match_counts_exactly_what_is_wrong(adder: tuple[AdditionTask, Predictor]) -> None:
    """A model deliberately broken in its last step: the answers differ from the right ones in one place."""
    task, good = adder
    broken = task.predictor({}, 0)
    broken.load_state_dict(good.state_dict())
    with torch.no_grad():
        broken.head_bias[task.words.index("0")] += 1e4  # it now says 0 wherever it says anything
    questions = task.draw(400, 3)
    result = exact_match(broken, task, questions, kept_failures=3)
    rights = (task.expected(questions) == task.words.index("0")).double()
    assert result.places == pytest.approx(rights.mean(0).tolist())
    assert result.wrong == int((~rights.bool().all(dim=1)).sum())
    assert result.exact_match == 1 - result.wrong / 400
    assert len(result.failures) == 3
    inputs, answer, expected = result.failures[0]
    assert answer == "0"
    assert expected == str(sum(inputs))


def test_parity_without_a_chain_of_thought_is_a_coin_toss() -> None:
    chain, direct = ParityTask(10, 6, 2), ParityTask(10, 6, 0)
    with_chain = exact_match(learned(chain, "one-hot", 100, 0.3, 1e-5), chain, chain.draw(500, 1))
    without = exact_match(learned(direct, "one-hot", 100, 0.3, 1e-5), direct, direct.draw(500, 1))
    assert with_chain.exact_match > 0.98
    assert 0.35 < without.exact_match < 0.65


def test_a_predictor_of_another_task_and_no_questions_are_refused(adder: tuple[AdditionTask, Predictor]) -> None:
    task, predictor = adder
    other = MultiplicationTask(2, "linear")
    with pytest.raises(ArlearnError, match="do not fit"):
        exact_match(predictor, other, other.draw(4, 0))
    with pytest.raises(ArlearnError, match="nothing to evaluate"):
        exact_match(predictor, task, torch.empty((0, 2), dtype=torch.int64))


@given(count=st.integers(1, 10**6), share=st.floats(0, 1))
def test_wilsons_interval_holds_the_share_and_stays_within_0_and_1(count: int, share: float) -> None:
    successes = round(share * count)
    low, high = wilson(successes, count)
    assert 0 <= low <= successes / count <= high <= 1


def test_wilsons_interval_against_published_values() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29
    for successes, count, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(successes, count) == pytest.approx((low, high), abs=6e-5)
    with pytest.raises(ArlearnError):
        wilson(1, 0)


def test_given_pairs_of_the_training_split_are_refused_by_line(tmp_path: Path) -> None:
    task = AdditionTask(2, "linear")
    held, training = task.draw(3, 0), task.draw(2, 0, "training")
    path = tmp_path / "pairs.txt"
    path.write_text("# mine\n" + "".join(f"{a} {b}\n" for a, b in torch.cat([held, training]).tolist()))
    with pytest.raises(ArlearnError, match=r"2 of 5 questions .* training split \(lines 5, 6\)"):
        read_pairs(path, task)
    assert torch.equal(read_pairs(path, task, allow_training=True), torch.cat([held, training]))


def test_all_bad_lines_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    task = AdditionTask(2, "linear")
    path = tmp_path / "pairs.txt"
    path.write_text("12 34\nfoo bar\n\n123 45\n12 + 7 8\n")
    with pytest.raises(ArlearnError) as caught:
        read_pairs(path, task)
    said = str(caught.value)
    assert "3 bad line(s)" in said
    assert all(f"line {number}:" in said for number in (2, 4, 5))
    path.write_text("# nothing\n")
    with pytest.raises(ArlearnError, match="no questions"):
        read_pairs(path, task)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArlearnError, match="not UTF-8 text"):
        read_pairs(path, task)
    with pytest.raises(ArlearnError, match="cannot read"):
        read_pairs(tmp_path / "absent.txt", task)


def test_few_questions_are_asked_exhaustively() -> None:
    everything, called = choose_questions(AdditionTask(2, "linear"), 100_000, False, 0)
    assert "all there are" in called
    assert len({tuple(row) for row in everything.tolist()}) == len(everything)
    drawn, _ = choose_questions(AdditionTask(2, "linear"), 10, False, 0)
    assert len(drawn) == 10


def test_the_json_has_the_keys_that_scripts_read(adder: tuple[AdditionTask, Predictor], tmp_path: Path) -> None:
    task, predictor = adder
    card = {"task": {"kind": task.kind, "configuration": task.configuration()}, "seconds": 1.0}
    path = tmp_path / "pairs.txt"
    path.write_text("12 34\n77 88\n")
    _, found = measure_task(tmp_path, predictor, card, count=50, pairs=path, allow_training_pairs=True)
    assert json.loads(json.dumps(found)) == found
    assert found["count"] == 2
    assert {"exact_match", "wrong", "interval", "digit_accuracy", "products_per_second", "frozen"} <= set(found)
    assert found["frozen"] == ["embedding", "head", "head_bias"]
    with pytest.raises(ArlearnError, match="one of them"):
        measure_task(tmp_path, predictor, card, count=5, hard=True, pairs=path, allow_training_pairs=True)
