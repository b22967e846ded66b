"""The baselines by `arlearn train`, measured and generating like any other predictor."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
import torch

import arlearn.cli
from arlearn.errors import ArlearnError
from arlearn.predictors.saving import load_predictor
from arlearn.training.progress import Reporter
from arlearn.training.recipe import Recipe, load_recipe
from arlearn.training.run import run

KINDS = {
    "ngram": {"predictor": {"kind": "ngram", "order": 3}, "training": {"epochs": 1}},
    "transformer": {
        "predictor": {"kind": "transformer", "width": 16, "layers": 2, "heads": 2, "bias": True},
        "training": {"steps": 60, "batch": 8, "learning_rate": 0.01, "checkpoint_steps": 20},
    },
}


def recipe(kind: str, **changes: object) -> Recipe:
    sections = KINDS[kind]
    content = {"task": {"kind": "text", "context": 12, "vocabulary": 300}, **sections}
    content["training"] = sections["training"] | changes  # type: ignore[operator]
    return Recipe.from_mapping(content, kind)


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["arlearn", *arguments])
    with pytest.raises(SystemExit) as ended:
        arlearn.cli.main()
    told = capsys.readouterr()
    assert not ended.value.code, told.err
    return told.out


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_evaluates_and_generates(
    kind: str, story_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    card = run(recipe(kind).with_inputs(story_file, None), out, Reporter(quiet=True))
    assert card["predictor"]["kind"] == kind
    assert 0 < card["metrics"]["loss"] < math.log(300)
    assert Recipe.from_toml((out / "recipe.toml").read_text(), kind).predictor.kind == kind
    measured = json.loads(command(monkeypatch, capsys, "evaluate", str(out), "--data", str(story_file), "--json"))
    # knowing nothing costs log2(300) bits for each token
    known_nothing = math.log2(300) * measured["tokens"] / measured["bytes"]
    assert measured["sliding_bits_per_byte"] <= measured["bits_per_byte"] + 0.05 < 0.6 * known_nothing
    written = json.loads(command(monkeypatch, capsys, "generate", str(out), "--prompt", "One day", "--json"))
    assert written["tokens"] > 0
    again = run(recipe(kind).with_inputs(story_file, None), out, Reporter(quiet=True), resume=True)
    assert again["metrics"]["loss"] == card["metrics"]["loss"]


def test_a_text_too_short_for_the_order(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n<|endoftext|>\n".join(["ab"] * 40))
    long = recipe("ngram").with_changes(["context=2", "order=9"])
    with pytest.raises(ArlearnError, match="the text has no 9-grams"):
        run(long.with_inputs(text, None), tmp_path / "out", Reporter(quiet=True))
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("tinystories-ngram", ["steps=3"], "reads the text once"),
        ("tinystories-ngram", ["max_minutes=5"], "reads the text once"),
        ("tinystories-ngram", ["order=0"], "order = 0: must be a whole number"),
        ("tinystories-ngram", ["predictor.layers=2"], "of kind ngram has no layers"),
        ("tinystories-transformer", ["heads=2.5"], "heads = 2.5: must be a whole number"),
        ("tinystories-transformer", ["predictor.order=2"], "of kind transformer has no order"),
        ("tinystories-cpu", ["predictor.layers=2"], "of kind linear has no layers"),
        ("parity-direct", ["predictor.kind=ngram"], "the task is none"),
    ],
)
def test_contradictions_are_named(name: str, changes: list[str], message: str) -> None:
    with pytest.raises(ArlearnError, match=message):
        load_recipe(name).with_changes(changes)


def test_heads_must_divide_the_width(story_file: Path, tmp_path: Path) -> None:
    odd = load_recipe("tinystories-transformer").with_changes(["heads=3", "vocabulary=300", "steps=1"])
    with pytest.raises(ArlearnError, match="even number for each of 3 heads, not 128"):
        run(odd.with_inputs(story_file, None), tmp_path / "out", Reporter(quiet=True))


def test_a_bias_begins_at_the_frequencies(tiny_recipe: Path, story_file: Path, tmp_path: Path) -> None:
    still = load_recipe(tiny_recipe).with_inputs(story_file, None).with_changes(["steps=1", "learning_rate=1e-12"])
    run(still, tmp_path / "out", Reporter(quiet=True))
    predictor, card = load_predictor(tmp_path / "out")
    assert predictor.head_bias is not None
    torch.testing.assert_close(predictor.head_bias.exp().sum(), torch.tensor(1.0))
    end = predictor.head_bias[0].exp()  # end-of-text: once for each of the 300 stories
    assert float(end.detach()) == pytest.approx(301 / (card["data"]["tokens"] + 300 + 300), rel=1e-4)
