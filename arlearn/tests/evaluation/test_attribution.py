"""The attribution adds up: for every kind of map, embedding and head, and against what the predictor itself computes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from arlearn.errors import ArlearnError
from arlearn.evaluation.attribution import attribute, walk
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.base import CausalMap
from arlearn.predictors.maps.blocks import BlocksMap, PeriodicMap, ShiftMap
from arlearn.predictors.maps.packed import PackedMap
from arlearn.predictors.mlp import MLPPredictor
from arlearn.tasks.arithmetic import MultiplicationTask


@st.composite
def predictors(draw: st.DrawFn) -> LinearPredictor:
    """Every kind of map and embedding, with and without a bias, at random sizes."""
    torch.manual_seed(draw(st.integers(0, 999)))
    context, inputs, outputs = draw(st.integers(1, 20)), draw(st.integers(1, 7)), draw(st.integers(1, 6))
    vocabulary = draw(st.integers(2, 15))
    kind = draw(st.sampled_from(["packed", "shift", "blocks", "periodic"]))
    map: CausalMap
    if kind == "packed":
        map = PackedMap(context, inputs, outputs)
    elif kind == "shift":
        map = ShiftMap(inputs, outputs, context)
    elif kind == "periodic":
        reads = [(row, d, (row + d) % 3) for row in range(4) for d in range(context) if torch.rand(()) < 0.4]
        map = PeriodicMap(inputs, outputs, 1, 3, reads)
    else:
        pairs = [(t, s) for t in range(context) for s in range(t + 1) if torch.rand(()) < 0.4]
        map = BlocksMap(context, inputs, outputs, pairs)
    torch.nn.init.normal_(map.weight)
    if draw(st.booleans()):
        embedding = F.one_hot(torch.arange(vocabulary) % inputs, inputs).float()
        frozen = ["embedding"]
    else:
        embedding, frozen = torch.randn(vocabulary, inputs), []
    bias = torch.randn(vocabulary) if draw(st.booleans()) else None
    return LinearPredictor(embedding, map, torch.randn(vocabulary, outputs), bias, frozen=frozen)


@settings(max_examples=80)
@given(predictor=predictors(), length=st.integers(1, 45), data=st.data())
def test_the_ledger_adds_up(predictor, length, data):
    tokens = torch.randint(predictor.vocabulary, (length,))
    asked = data.draw(st.integers(0, predictor.vocabulary - 1))
    other = data.draw(st.integers(0, predictor.vocabulary - 1))
    found = attribute(predictor, tokens, top=3, also=[asked, other])
    window = tokens if predictor.context is None else tokens[-predictor.map.window :]
    logits = predictor(window[None])[0, -1].detach()
    assert found.places == sorted(found.places)
    assert found.tokens == tokens[found.places].tolist()
    for token in found.candidates:
        attribution = found.attribution(token)
        assert attribution.logit == pytest.approx(float(logits[token]), abs=1e-4, rel=1e-4)
        assert attribution.residual <= 1e-4
        assert attribution.exact
    contrast = found.attribution(asked, other)
    assert contrast.logit == pytest.approx(float(logits[asked] - logits[other]), abs=1e-4, rel=1e-4)
    assert contrast.residual <= 1e-4
    centred = found.attribution(asked, "mean")
    assert centred.logit == pytest.approx(float(logits[asked] - logits.mean()), abs=1e-4, rel=1e-4)
    assert centred.residual <= 1e-4
    assert float(found.probabilities.sum()) <= 1 + 1e-6


@settings(max_examples=40)
@given(predictor=predictors(), length=st.integers(1, 25), data=st.data())
def test_a_contribution_is_what_changes_when_a_token_does(predictor, length, data):
    """Independently of how it was computed: another token at one place moves the logit by the difference there."""
    tokens = torch.randint(predictor.vocabulary, (length,))
    changed, place = tokens.clone(), data.draw(st.integers(0, length - 1))
    changed[place] = data.draw(st.integers(0, predictor.vocabulary - 1))
    before, after = (attribute(predictor, each, 0, [0]) for each in (tokens, changed))
    moved = float(after.logits[0] - before.logits[0])
    values = [dict(zip(each.places, each.attribution(0).values, strict=True)) for each in (before, after)]
    assert moved == pytest.approx(values[1].get(place, 0.0) - values[0].get(place, 0.0), abs=1e-4)
    for where in before.places:
        if where != place:
            assert values[0][where] == values[1][where]


def test_a_structured_head_with_its_curvature():
    """Number tokens score n h - n²/2: the bias takes part in the attribution."""
    task = MultiplicationTask(2, "linear")
    predictor = task.predictor({"head": "structured"}, 0)
    torch.nn.init.normal_(predictor.map.weight)
    tokens = task.encode(task.draw(1, 0))[0, :-1]
    found = attribute(predictor, tokens, top=predictor.vocabulary)
    attributions = [found.attribution(token) for token in found.candidates]
    assert max(attribution.residual for attribution in attributions) <= 1e-4
    assert any(attribution.bias != 0 for attribution in attributions)
    assert len(found.places) == len(tokens)


def test_a_ledger_that_does_not_add_up_says_so():
    found = attribute(LinearPredictor.build(9, 4, 3), torch.tensor([1, 2, 3]))
    broken = found.attribution(found.candidates[0])
    object.__setattr__(broken, "logit", broken.logit + 0.01)
    assert not broken.exact
    assert broken.residual == pytest.approx(0.01, rel=0.1)


def test_walking_on_explains_what_generation_writes():
    predictor = LinearPredictor.build(17, 5, 4, seed=2)
    prompt = torch.tensor([3, 1, 4])
    steps = list(walk(predictor, prompt, 9, top=2))
    assert len(steps) == 9
    for number, (came, found) in enumerate(steps):
        assert found.position == 3 + number
        assert found.candidates[0] == came
        assert len(found.places) == min(found.position, 5)
    whole = list(walk(predictor, prompt, 2, begin=1))
    assert [found.position for _, found in whole] == [1, 2, 3, 4]
    assert [came for came, _ in whole[:2]] == [1, 4]
    warm = [came for came, _ in walk(predictor, prompt, 9, temperature=5.0, seed=1)]
    assert warm != [came for came, _ in steps]


def test_what_cannot_be_explained_is_told_why():
    with pytest.raises(ArlearnError, match="ReLU stands between"):
        attribute(MLPPredictor.build(9, 4, 3), torch.tensor([1]))
    linear = LinearPredictor.build(9, 4, 3)
    with pytest.raises(ArlearnError, match="at least one token"):
        attribute(linear, torch.tensor([], dtype=torch.long))
    with pytest.raises(ArlearnError, match=r"0\.\.8"):
        attribute(linear, torch.tensor([9]))
    with pytest.raises(ArlearnError, match="not among the candidates"):
        attribute(linear, torch.tensor([1]), top=1).attribution(-5)
