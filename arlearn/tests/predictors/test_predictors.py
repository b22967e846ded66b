"""All predictors: forward, loss and step agree; saving gives them back; bad input is named."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.blocks import BlocksMap
from arlearn.predictors.maps.packed import PackedMap
from arlearn.predictors.mlp import MLPPredictor
from arlearn.predictors.ngram import NGramPredictor, estimate
from arlearn.predictors.saving import load_card, load_predictor, save_predictor
from arlearn.predictors.transformer import TransformerPredictor

# Rounding of float32 sums taken in another order, for logits of order 1.
TOLERANCE = 1e-5


def build(name: str, vocabulary=23, context=11, width=6) -> Predictor:
    if name in ("linear packed", "linear shift"):
        return LinearPredictor.build(vocabulary, context, width, map=name.split()[1], bias=True)
    if name in ("mlp packed", "mlp shift"):
        return MLPPredictor.build(vocabulary, context, width, map=name.split()[1])
    if name == "ngram":
        tokens = np.random.default_rng(0).integers(1, vocabulary, 2000) % 17
        tokens[[0, 900, -1]] = 0
        return NGramPredictor.from_levels(estimate(tokens, np.array([0, 900, 1999]), vocabulary, 4), vocabulary)
    torch.manual_seed(0)
    if name == "transformer":
        predictor = TransformerPredictor.build(vocabulary, context, 8, layers=3, heads=2, bias=True)
        with torch.no_grad():  # as wide awake as a trained one
            for parameter in predictor.parameters():
                parameter.normal_(std=0.4)
        return predictor
    if name == "linear blocks":
        map = BlocksMap(context, width, 4, [(t, s) for t in range(context) for s in range(t + 1) if (t + s) % 3 == 0])
        embedding = torch.randn(vocabulary, width)
    else:  # one-hot: several tokens may share a one
        map = PackedMap(context, 7, 4)
        embedding = F.one_hot(torch.arange(vocabulary) % 7, 7).float()
    torch.nn.init.normal_(map.weight)
    return LinearPredictor(embedding, map, torch.randn(vocabulary, 4), frozen=("embedding",))


LEARNED = ("linear packed", "linear shift", "linear blocks", "linear one-hot", "mlp packed", "mlp shift", "transformer")
NAMES = (*LEARNED, "ngram")


@pytest.mark.parametrize("name", NAMES)
def test_steps_give_forwards_logits_and_slide_past_the_context(name):
    predictor = build(name)
    tokens = torch.randint(23, (3, 40))
    state = predictor.start(3)
    for t in range(40):
        logits, state = predictor.step(state, tokens[:, t])
        window = tokens[:, max(0, t - 10) : t + 1]
        torch.testing.assert_close(logits, predictor(window)[:, -1], atol=TOLERANCE, rtol=TOLERANCE)
    assert state.length == 40


@settings(deadline=None, max_examples=40)
@given(name=st.sampled_from(NAMES), cuts=st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_prefill_in_any_pieces_equals_forward(name, cuts):
    predictor = build(name)
    tokens = torch.randint(23, (2, sum(cuts)))
    state, seen = predictor.start(2), 0
    for cut in cuts:
        logits, state = predictor.prefill(state, tokens[:, seen : seen + cut])
        seen += cut
        expected = predictor(tokens[:, max(0, seen - 11) : seen])[:, -1]
        torch.testing.assert_close(logits, expected, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_a_state_can_be_chosen_and_repeated(name):
    predictor = build(name)
    tokens = torch.randint(23, (3, 4))
    _, state = predictor.prefill(predictor.start(3), tokens)
    rows = torch.tensor([2, 0, 2])
    nexts = torch.tensor([1, 2, 3])
    logits, _ = predictor.step(state.select(rows), nexts)
    expected = predictor(torch.cat([tokens[rows], nexts[:, None]], dim=1))[:, -1]
    torch.testing.assert_close(logits, expected, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_the_mean_over_what_counts(name):
    predictor = build(name)
    tokens = torch.randint(23, (4, 12))
    counted = torch.rand(4, 12) < 0.5
    counted[0, 1] = True
    each = F.cross_entropy(predictor(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], reduction="none")
    torch.testing.assert_close(predictor.loss(tokens), each.mean())
    torch.testing.assert_close(predictor.loss(tokens, counted), each[counted[:, 1:]].mean())


@pytest.mark.parametrize("name", LEARNED)
def test_the_gradient_is_that_of_the_mean(name):
    predictor = build(name)
    tokens = torch.randint(23, (4, 12))
    counted = torch.rand(4, 12) < 0.5
    counted[0, 1] = True
    each = F.cross_entropy(predictor(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], reduction="none")
    trained = [p for p in predictor.parameters() if p.requires_grad]
    expected = torch.autograd.grad(each[counted[:, 1:]].mean(), trained)
    for mine, theirs in zip(torch.autograd.grad(predictor.loss(tokens, counted), trained), expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_saving_gives_the_predictor_back(name, tmp_path):
    predictor = build(name)
    save_predictor(predictor, tmp_path / "m", {"seconds": 1.5, "task": {"kind": "text", "configuration": {}}})
    again, card = load_predictor(tmp_path / "m")
    tokens = torch.randint(23, (2, 11))
    assert torch.equal(again(tokens), predictor(tokens))
    assert again.frozen() == predictor.frozen() == card["frozen"]
    assert card["parameters"] == predictor.parameter_count() > 0
    assert card["seconds"] == 1.5
    assert card["task"]["kind"] == "text"
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["card.json", "model.safetensors"]


def test_the_papers_sizes():
    """Malach 2024: 136,314,880 weights in the causal blocks at T=64, d=256; 774.6 M at T=307, d=128."""
    with torch.device("meta"):
        assert PackedMap(64, 256, 256).weight.numel() == 136_314_880
        assert PackedMap(307, 128, 128).weight.numel() == 774_602_752


def test_frozen_weights_get_no_gradient():
    predictor = build("linear one-hot")
    predictor.loss(torch.randint(23, (2, 9))).backward()
    assert predictor.frozen() == ["embedding"]
    assert predictor.embedding.grad is None
    assert predictor.map.weight.grad is not None
    with pytest.raises(ArlearnError, match="cannot freeze haed"):
        LinearPredictor(torch.zeros(3, 2), PackedMap(2, 2, 2), torch.zeros(3, 2), frozen=["haed"])


def test_a_changed_embedding_is_noticed():
    """The one-hot path must not outlive the one-hot embedding."""
    predictor = build("linear one-hot")
    tokens = torch.randint(23, (2, 9))
    before = predictor(tokens)
    with torch.no_grad():
        predictor.embedding.mul_(2)
    torch.testing.assert_close(predictor(tokens), 2 * before)


@pytest.mark.parametrize("name", [name for name in NAMES if build(name).context is not None])
def test_a_context_too_short_is_named(name):
    predictor = build(name)
    with pytest.raises(ArlearnError, match="12 tokens are more than the context of 11"):
        predictor(torch.zeros(1, 12, dtype=torch.long))


@pytest.mark.parametrize("name", NAMES)
def test_bad_tokens_are_named(name):
    predictor = build(name)
    with pytest.raises(ArlearnError, match="must be integers"):
        predictor(torch.zeros(1, 3))
    with pytest.raises(ArlearnError, match="no target counts"):
        predictor.loss(torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, 3, dtype=torch.bool))
    with pytest.raises(ArlearnError, match="no target counts"):
        predictor.loss(torch.zeros(3, 1, dtype=torch.long))


def test_parts_that_do_not_fit_are_named():
    with pytest.raises(ArlearnError, match="do not fit together"):
        LinearPredictor(torch.zeros(3, 2), PackedMap(2, 3, 2), torch.zeros(3, 2))


@pytest.mark.parametrize("name", NAMES)
class TestDamagedWeights:
    @pytest.fixture
    def model(self, name, tmp_path):
        save_predictor(build(name), tmp_path, {})
        return tmp_path

    @pytest.mark.parametrize("content", [b"", b"junk" * 100])
    def test_none(self, model, content):
        (model / "model.safetensors").write_bytes(content)
        with pytest.raises(ArlearnError, match="damaged"):
            load_predictor(model)

    def test_a_flipped_bit(self, model):
        path = model / "model.safetensors"
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content)
        with pytest.raises(ArlearnError, match="do not match the hash"):
            load_predictor(model)

    def test_truncated(self, model):
        path = model / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(ArlearnError, match="damaged"):
            load_predictor(model)

    def test_a_configuration_that_makes_no_sense(self, model):
        card = load_card(model)
        for key in ("vocabulary", "sizes", "map", "heads"):
            card["predictor"]["configuration"].pop(key, None)
        (model / "card.json").write_text(json.dumps(card))
        with pytest.raises(ArlearnError, match="is invalid"):
            load_predictor(model)


class TestBrokenModels:
    @pytest.fixture
    def model(self, tmp_path):
        save_predictor(build("linear packed"), tmp_path, {})
        return tmp_path

    def test_missing(self, tmp_path):
        with pytest.raises(ArlearnError, match=r"no model in .*card\.json"):
            load_predictor(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b'{"predictor": 3}'])
    def test_card(self, model, content):
        (model / "card.json").write_bytes(content)
        with pytest.raises(ArlearnError, match=r"card\.json"):
            load_predictor(model)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"format": 99}, "format 99"),
            ({"predictor": {"kind": "quadratic", "configuration": {}}}, "'quadratic'"),
            ({"predictor": {"kind": "linear", "configuration": {}}}, "is invalid"),
            ({"predictor": {"kind": "linear"}}, "no configuration"),
        ],
    )
    def test_card_that_makes_no_sense(self, model, change, message):
        card = load_card(model) | change
        (model / "card.json").write_text(json.dumps(card))
        with pytest.raises(ArlearnError, match=message):
            load_predictor(model)

    def test_weights_of_another_model(self, model):
        path = model / "model.safetensors"
        tensors = load_file(path)
        tensors["head"] = tensors["head"][:-1].clone()
        save_file(tensors, path)
        with pytest.raises(ArlearnError, match=r"head: card \(23, 6\), file \(22, 6\)"):
            load_predictor(model)

    def test_a_failed_write_leaves_the_old_model(self, model, monkeypatch):
        before = {path.name: path.read_bytes() for path in model.iterdir()}

        def full(*_args, **_more):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("safetensors.torch.save_file", full)
        with pytest.raises(ArlearnError, match="No space left"):
            save_predictor(build("mlp packed"), model, {})
        assert {path.name: path.read_bytes() for path in model.iterdir()} == before
