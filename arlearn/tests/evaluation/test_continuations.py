"""Likelihoods and continuations against forward and generate, for predictors of every kind."""

from __future__ import annotations

import pytest
import torch

from arlearn.decoding.generate import generate, write_until
from arlearn.errors import ArlearnError
from arlearn.evaluation.perplexity import likelihoods, log_probability
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.mlp import MLPPredictor

PREDICTORS = [
    LinearPredictor.build(13, 6, 5, map="packed"),
    LinearPredictor.build(13, 6, 5, map="shift", bias=True),
    MLPPredictor.build(13, 6, 5),
]


def each_sees_the_last(predictor, tokens: list[int], window: int) -> list[torch.Tensor]:
    """The log-probabilities after every prefix, the window cut by hand."""
    return [
        predictor(torch.tensor([tokens[max(0, end - window) : end]]))[0, -1].detach().double().log_softmax(0)
        for end in range(1, len(tokens))
    ]


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_likelihoods(predictor):
    context = torch.randint(13, (9,)).tolist()
    choices = [[3], [3, 1, 4], torch.randint(13, (11,)).tolist()]
    for choice, found in zip(choices, likelihoods(predictor, context, choices), strict=True):
        rows = each_sees_the_last(predictor, context + choice, 6)[len(context) - 1 :]
        expected = sum(float(row[token]) for row, token in zip(rows, choice, strict=True))
        assert found.log_probability == pytest.approx(expected, abs=1e-4)
        assert found.greedy == all(int(row.argmax()) == token for row, token in zip(rows, choice, strict=True))
    greedy = generate(predictor, torch.tensor([context]), 8)[0].tolist()
    assert next(likelihoods(predictor, context, [greedy])).greedy
    with pytest.raises(ArlearnError, match="at least one token"):
        next(likelihoods(predictor, [], [[1]]))


@pytest.mark.parametrize("predictor", PREDICTORS)
@pytest.mark.parametrize("length", [1, 2, 6, 7, 30])
def test_log_probability_of_a_whole_text(predictor, length):
    tokens = torch.randint(13, (length,)).tolist()
    rows = each_sees_the_last(predictor, tokens, 6)
    expected = sum(float(row[token]) for row, token in zip(rows, tokens[1:], strict=True))
    assert log_probability(predictor, tokens) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_writing_until(predictor):
    def decode(tokens: list[int]) -> str:
        return "".join(chr(ord("a") + token) for token in tokens)

    made = decode(generate(predictor, torch.tensor([[1, 2]]), 20)[0].tolist())
    assert write_until(predictor, [1, 2], [], 99, decode, 20) == made
    stop = made[3:5]
    assert write_until(predictor, [1, 2], ["zz", stop], 99, decode, 20) == made[: made.index(stop)]
    end = ord(made[2]) - ord("a")
    assert write_until(predictor, [1, 2], [], end, decode, 20) == made[: made.index(made[2])]
    warm = {write_until(predictor, [1, 2], [], 99, decode, 20, temperature=2.0, seed=seed) for seed in range(4)}
    assert len(warm) > 1
    with pytest.raises(ArlearnError, match="top-k"):
        write_until(predictor, [1, 2], [], 99, decode, 20, top_k=0)
