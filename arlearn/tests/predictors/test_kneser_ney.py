"""Kneser-Ney estimation: the figures of another program, distributions that sum to one, and texts that are too small."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arlearn.errors import ArlearnError
from arlearn.predictors.ngram import FALLBACK, NGramPredictor, estimate

# log10 p(last token | the ones before) that KenLM 0.3.0's `lmplz -o 5 --vocab_pad 152` gave for `invented()`, one
# sequence a line (docs/log.md has the commands). Token 0 begins and ends sequences; <unk> stands for unseen tokens.
REFERENCE = [
    ("151", -2.7446482),
    ("128", -2.5739503),
    ("37", -2.0903745),
    ("64", -2.292029),
    ("56 55", -1.6614645),
    ("49 90", -1.5362499),
    ("0 2", -0.4280073),
    ("2 0", -0.86177397),
    ("3 24 50", -0.74908596),
    ("26 5 38", -0.8340999),
    ("0 2 0", -0.97569567),
    ("17 2 0", -0.7277733),
    ("1 9 4 44", -1.3119336),
    ("0 117 40 6", -0.571643),
    ("2 10 32 44", -0.5776075),
    ("0 3 23 0", -0.82160133),
    ("85 57 40 42 56", -0.38035285),
    ("17 2 17 1 115", -1.0583688),
    ("0 2 17 2 0", -0.8453962),
    ("13 33 17 2 0", -0.5517345),
]
DISCOUNTS = [
    (0.425287, 1.48966, 1.8092),
    (0.721959, 0.523266, 1.41169),
    (0.822624, 1.52153, 2.30726),
    (0.919014, 0.921157, 1.97887),
    (0.962891, 1.54389, 3.0),
]


def invented() -> tuple[np.ndarray, np.ndarray]:
    """250 made-up sequences of tokens 1 to 150 end to end, 0 between them; and where the zeros stand."""
    draw = random.Random(5)
    tokens, starts = [0], [0]
    for _ in range(250):
        for _ in range(draw.randrange(1, 12)):
            if draw.random() < 0.7:
                tokens.append(1 + (tokens[-1] * 7 + draw.choice([0, 1, 1, 2])) % 60)
            else:
                tokens.append(1 + int(150 * draw.random() ** 3))
        starts.append(len(tokens))
        tokens.append(0)
    return np.array(tokens, dtype=np.uint16), np.array(starts)


def test_it_agrees_with_lmplz() -> None:
    tokens, starts = invented()
    levels = estimate(tokens, starts, 152, 5)
    for level, expected in zip(levels, DISCOUNTS, strict=True):
        assert level.discounts == pytest.approx(expected, abs=1e-5)
    predictor = NGramPredictor.from_levels(levels, 152)
    for written, expected in REFERENCE:
        *context, last = (int(word) for word in written.split())
        log = predictor(torch.tensor([context]))[0, -1] if context else predictor.mass_1.log()
        assert float(log[last]) / np.log(10) == pytest.approx(expected, abs=2e-6), written


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, starts = invented()
    whole = estimate(tokens, starts, 152, 4)
    monkeypatch.setattr("arlearn.predictors.ngram.CHUNK", 100)
    for one, other in zip(whole, estimate(tokens, starts, 152, 4), strict=True):
        assert np.array_equal(one.keys, other.keys)
        assert np.array_equal(one.mass, other.mass)
        assert np.array_equal(one.backoff, other.backoff)


@settings(deadline=None, max_examples=25)
@given(
    stories=st.lists(st.lists(st.integers(1, 6), min_size=4, max_size=30), min_size=1, max_size=8),
    order=st.integers(1, 5),
    joined=st.booleans(),
    asked=st.lists(st.integers(0, 8), min_size=1, max_size=12),
)
def test_every_distribution_sums_to_one(stories, order, joined, asked) -> None:
    tokens, starts = [0], [0]
    for story in stories:
        tokens += [*story, 0]
        starts.append(len(tokens) - 1)
    begins = np.array([0, starts[-1]] if joined else starts)
    predictor = NGramPredictor.from_levels(estimate(np.array(tokens), begins, 9, order), 9)
    logits = predictor(torch.tensor([asked]))
    assert bool(torch.isfinite(logits).all())
    torch.testing.assert_close(logits.exp().sum(-1), torch.ones(1, len(asked)), atol=1e-5, rtol=0)
    if len(asked) > 1:
        each = torch.nn.functional.cross_entropy(logits[0, :-1], torch.tensor(asked[1:]))
        torch.testing.assert_close(predictor.loss(torch.tensor([asked])), each, atol=1e-5, rtol=1e-5)


def test_a_joined_text_is_read_across_stories() -> None:
    tokens = np.array([0, 1, 2, 0, 3, 4, 0])
    apart = NGramPredictor.from_levels(estimate(tokens, np.array([0, 3, 6]), 5, 3), 5)
    joined = NGramPredictor.from_levels(estimate(tokens, np.array([0, 6]), 5, 3), 5)
    context = torch.tensor([[2, 0]])
    assert float(joined(context)[0, -1, 3]) > float(apart(context)[0, -1, 3])


def test_a_text_too_small_for_discounts_takes_the_fallback() -> None:
    levels = estimate(np.array([0, 1, 2, 1, 0]), np.array([0, 4]), 3, 2)
    assert [level.discounts for level in levels] == [FALLBACK, FALLBACK]


def test_what_cannot_be_estimated_is_named() -> None:
    tokens, starts = np.array([0, 1, 2, 0, 1, 0]), np.array([0, 3, 5])
    with pytest.raises(ArlearnError, match=r"has no 5-grams: its longest sequence has 4 tokens"):
        estimate(tokens, starts, 3, 5)
    with pytest.raises(ArlearnError, match=r"order .* not 0"):
        estimate(tokens, starts, 3, 0)
    with pytest.raises(ArlearnError, match="token 2, but the vocabulary has only 2"):
        estimate(tokens, starts, 2, 2)
    with pytest.raises(ArlearnError, match="cannot have n-grams"):
        NGramPredictor(3, [3, 0])
