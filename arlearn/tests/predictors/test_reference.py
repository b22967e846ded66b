"""Checkpoints in the layout of the paper's public code, made here by a module written the way that layout implies."""

import pickle

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.mlp import MLPPredictor
from arlearn.predictors.reference import read_reference, write_reference
from arlearn.predictors.saving import load_predictor, save_predictor


class Reference(nn.Module):
    """A dense layer on the flattened sequence, masked in each forward pass, whose bias is never added."""

    def __init__(self, vocabulary=31, context=10, width=6, bias=False):
        super().__init__()
        self.shape = (context, width)
        self.in_embedding = nn.Embedding(vocabulary, width)
        self.linear1 = nn.Linear(context * width, context * width)
        self.out_embedding = nn.Linear(width, vocabulary, bias=bias)
        self.register_buffer("mask", torch.kron(torch.ones(context, context).tril(), torch.ones(width, width)))

    def forward(self, tokens):
        flat = self.in_embedding(tokens).flatten(1)
        mixed = nn.functional.linear(flat, self.linear1.weight * self.mask)
        return self.out_embedding(mixed.view(len(tokens), *self.shape))


@pytest.fixture
def reference():
    torch.manual_seed(3)
    return Reference()


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("form", ["plain", "bool mask", "small mask", "no mask", "wrapped", "prefixed", "old format"])
def test_equal_logits(tmp_path, form, bias):
    torch.manual_seed(1)
    model = Reference(bias=bias)
    state = model.state_dict()
    if form == "bool mask":
        state["mask"] = state["mask"].bool()
    if form == "small mask":
        state["mask"] = torch.ones(10, 10).tril()
    if form == "no mask":
        del state["mask"]
    if form == "wrapped":
        state = {"state_dict": dict(state), "epoch": 3}
    if form == "prefixed":
        state = {f"module.{key}": value for key, value in state.items()}
    torch.save(state, tmp_path / "c.pt", _use_new_zipfile_serialization=form != "old format")
    predictor = read_reference(tmp_path / "c.pt")
    tokens = torch.randint(31, (4, 10))
    assert (predictor(tokens) - model(tokens)).abs().max() < 1e-4


def test_written_back_it_loads_into_the_reference(tmp_path, reference):
    predictor = LinearPredictor.build(31, 10, 6, seed=4)
    write_reference(predictor, tmp_path / "c.pt")
    missing = reference.load_state_dict(torch.load(tmp_path / "c.pt", weights_only=True))
    assert not missing.missing_keys
    tokens = torch.randint(31, (4, 10))
    assert (predictor(tokens) - reference(tokens)).abs().max() < 1e-4
    again = read_reference(tmp_path / "c.pt")
    for name, weight in predictor.named_parameters():
        assert torch.equal(weight, dict(again.named_parameters())[name])


def test_command_line_both_ways(tmp_path, reference):
    torch.save(reference.state_dict(), tmp_path / "c.pt")
    runner = CliRunner()
    made = runner.invoke(app, ["import-reference", str(tmp_path / "c.pt"), "--out", str(tmp_path / "m")])
    assert made.exit_code == 0, made.output
    predictor, card = load_predictor(tmp_path / "m")
    assert card["imported"]["file"] == "c.pt"
    made = runner.invoke(app, ["export", str(tmp_path / "m"), "--reference", str(tmp_path / "again.pt")])
    assert made.exit_code == 0, made.output
    again = Reference()
    again.load_state_dict(torch.load(tmp_path / "again.pt", weights_only=True))
    tokens = torch.randint(31, (2, 10))
    assert (again(tokens) - reference(tokens)).abs().max() < 1e-4
    assert (predictor(tokens) - reference(tokens)).abs().max() < 1e-4
    assert runner.invoke(app, ["export", str(tmp_path / "m")]).exit_code == 2


class Evil:
    def __reduce__(self):
        return (print, ("code in a checkpoint ran",))


def test_files_that_are_none(tmp_path, reference, capsys):
    path = tmp_path / "c.pt"
    with pytest.raises(ArlearnError, match="there is no checkpoint"):
        read_reference(path)
    with pytest.raises(ArlearnError, match="not a file"):
        read_reference(tmp_path)
    for content in (b"", b"hello", b"PK\x03\x04" + b"\0" * 64, pickle.dumps(Evil())):
        path.write_bytes(content)
        with pytest.raises(ArlearnError, match="not a PyTorch checkpoint"):
            read_reference(path)
    torch.save(reference.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ArlearnError, match="not a PyTorch checkpoint"):
        read_reference(path)
    torch.save({"model": Evil()}, path)
    with pytest.raises(ArlearnError, match="not a PyTorch checkpoint"):
        read_reference(path)
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_embedding.weight": None}, "missing in_embedding.weight"),
        ({"attention.weight": torch.zeros(2)}, "unexpected attention.weight"),
        ({"linear1.weight": torch.zeros(60, 54)}, "must be square"),
        ({"linear1.weight": torch.zeros(62, 62)}, "must be square, a multiple of 6"),
        ({"linear1.weight": torch.zeros(60)}, "must be a matrix"),
        ({"linear1.weight": torch.full((60, 60), float("nan"))}, "not finite"),
        ({"out_embedding.weight": torch.zeros(30, 6)}, r"out_embedding.weight is \(30, 6\)"),
        ({"mask": torch.ones(60, 60)}, "not causal"),
        ({"mask": torch.ones(7, 7)}, "mask is"),
    ],
)
def test_what_is_not_of_this_layout(tmp_path, reference, change, message):
    state = dict(reference.state_dict()) | change
    torch.save({key: value for key, value in state.items() if value is not None}, tmp_path / "c.pt")
    with pytest.raises(ArlearnError, match=message):
        read_reference(tmp_path / "c.pt")


def test_what_has_no_such_form(tmp_path):
    for predictor in (LinearPredictor.build(9, 4, 3, map="shift"), MLPPredictor.build(9, 4, 3)):
        with pytest.raises(ArlearnError, match="packed map"):
            write_reference(predictor, tmp_path / "c.pt")
    save_predictor(MLPPredictor.build(9, 4, 3), tmp_path / "m", {})
    result = CliRunner().invoke(app, ["export", str(tmp_path / "m"), "--reference", str(tmp_path / "c.pt")])
    assert isinstance(result.exception, ArlearnError)
    assert not (tmp_path / "c.pt").exists()
