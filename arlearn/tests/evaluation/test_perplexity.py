from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arlearn.errors import ArlearnError
from arlearn.evaluation.perplexity import SEGMENT, at_context, sliding, with_padding
from arlearn.predictors.base import Predictor
from arlearn.predictors.linear import LinearPredictor
from arlearn.tasks.text import Layout
from arlearn.tasks.text_files import TokenisedText

E, PAD, V, T = 0, 1, 12, 5


def in_tokens(stories: list[list[int]]) -> TokenisedText:
    flat, starts = [], []
    for story in stories:
        starts.append(len(flat))
        flat += [E, *story]
    size = sum(map(len, stories)) * 3  # as if each token were three bytes
    return TokenisedText(np.array([*flat, E], dtype=np.uint16), np.array([*starts, len(flat)]), size, "")


def predictor(map: str, seed: int = 0) -> LinearPredictor:
    made = LinearPredictor.build(V, T, 6, map=map, seed=seed, bias=True)
    with torch.no_grad():
        made.head.mul_(3)
    return made.double()


@torch.no_grad()
def by_definition(model: Predictor, text: TokenisedText, boundaries: str, seen) -> tuple[float, int]:
    """Sum of -log p over all tokens but E; ``seen(k)`` is how many tokens before the sequence's k-th target are seen."""
    spans = zip(text.starts[:-1], text.starts[1:], strict=True)
    if boundaries == "joined":
        spans = [(0, len(text.tokens) - 1)]
    nats, count = 0.0, 0
    for begin, end in spans:
        sequence = torch.from_numpy(text.tokens[begin : end + 1].astype(np.int64))
        for k in range(1, len(sequence)):
            if sequence[k] == E:
                continue
            logits = model(sequence[None, k - seen(k) : k])[0, -1]
            nats -= float(logits.log_softmax(-1)[sequence[k]])
            count += 1
    return nats, count


STORIES = st.lists(st.lists(st.integers(2, V - 1), min_size=1, max_size=23), min_size=1, max_size=5)


@settings(max_examples=15, deadline=None)
@given(STORIES, st.sampled_from(["packed", "shift"]), st.sampled_from(["story", "joined"]))
def test_scores_are_the_definitions(stories, map, boundaries) -> None:
    text, model, layout = in_tokens(stories), predictor(map), Layout(T, boundaries, "ignored", PAD)
    score = at_context(model, text, layout)
    nats, count = by_definition(model, text, boundaries, lambda k: (k - 1) % T + 1)
    assert (score.tokens, score.bytes) == (count, text.bytes)
    assert score.nats == pytest.approx(nats, rel=1e-9)
    assert score.bits_per_byte == pytest.approx(nats / math.log(2) / text.bytes)
    assert score.perplexity == pytest.approx(math.exp(nats / count))

    slid = sliding(model, text, layout)
    nats, count = by_definition(model, text, boundaries, lambda k: min(k, T))
    assert slid.tokens == count
    assert slid.nats == pytest.approx(nats, rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(STORIES, st.integers(1, T))
def test_strides(stories, stride) -> None:
    text, model = in_tokens(stories), predictor("packed")
    slid = sliding(model, text, Layout(T, "story", "ignored", PAD), stride)
    # the first window scores T targets, each later one its last `stride`
    seen = (lambda k: min(k, T)) if stride == 1 else lambda k: k if k <= T else T - stride + 1 + (k - T - 1) % stride
    nats, count = by_definition(model, text, "story", seen)
    assert slid.tokens == count
    assert slid.nats == pytest.approx(nats, rel=1e-9)


def test_long_sequences_are_cut_without_loss(monkeypatch) -> None:
    text = in_tokens([[2 + (7 * i * i) % (V - 2) for i in range(300)], [3, 4]])
    layout = Layout(T, "joined", "ignored", PAD)
    for map in ("packed", "shift"):
        whole = sliding(predictor(map), text, layout)
        assert SEGMENT > 300
        monkeypatch.setattr("arlearn.evaluation.perplexity.SEGMENT", 17)
        monkeypatch.setattr("arlearn.evaluation.perplexity.POSITIONS", 40)
        cut = sliding(predictor(map), text, layout)
        assert cut.tokens == whole.tokens == 302
        assert cut.nats == pytest.approx(whole.nats, rel=1e-9)
        monkeypatch.undo()


def test_pads_flatter_whoever_predicts_them() -> None:
    text, model = in_tokens([[2, 3], [4]]), predictor("packed")
    with torch.no_grad():
        assert model.head_bias is not None
        model.head_bias[PAD] = 50.0
    layout = Layout(T, "story", "ignored", PAD)
    padded, plain = with_padding(model, text, layout), at_context(model, text, layout)
    assert (padded.tokens, plain.tokens) == (2 * T, 3)
    assert padded.perplexity < plain.perplexity


def test_what_cannot_be_measured() -> None:
    text = in_tokens([[2, 3]])
    with pytest.raises(ArlearnError, match="context is 5"):
        at_context(predictor("packed"), text, Layout(T + 1))
    for stride in (0, T + 1):
        with pytest.raises(ArlearnError, match="stride must be 1 to 5"):
            sliding(predictor("packed"), text, Layout(T), stride)
