"""``arlearn explain`` on a model of text and on a compiled program."""

from __future__ import annotations

import json

import pytest
import torch
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.mlp import MLPPredictor
from arlearn.predictors.saving import save_predictor
from arlearn.tokens import BytePair

runner = CliRunner()


@pytest.fixture(scope="module")
def text_model(tmp_path_factory):
    place = tmp_path_factory.mktemp("text")
    vocabulary = BytePair.train(["the cat sat on the mat. "] * 20, 300)
    vocabulary.save(place / "tokenizer.json")
    predictor = LinearPredictor.build(vocabulary.size, 8, 8, seed=3, bias=True)
    torch.nn.init.normal_(predictor.head_bias)
    card = {
        "task": {"kind": "text", "configuration": {}},
        "tokenizer": {"file": "tokenizer.json", "sha256": vocabulary.sha256},
    }
    save_predictor(predictor, place, card)
    return place


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    place = tmp_path_factory.mktemp("program") / "m2"
    assert runner.invoke(app, ["compile", "multiplication", "--digits", "2", "--out", str(place)]).exit_code == 0
    return place


def run(*arguments, **more):
    result = runner.invoke(app, ["explain", *map(str, arguments)], **more)
    if isinstance(result.exception, ArlearnError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def adds_up(found):
    total = found["bias"] + sum(each["value"] for each in found["contributions"])
    assert abs(found["logit"] - total) <= 1e-4 * max(1, abs(found["logit"]))
    assert found["residual"] <= 1e-4
    assert found["exact"] is True


def test_the_contract_for_scripts(text_model):
    found = json.loads(run(text_model, "--prompt", "the cat", "--json").stdout)
    assert {"logit", "contributions", "bias", "residual"} <= set(found)
    assert all(set(each) >= {"position", "token", "value"} for each in found["contributions"])
    assert found["bias"] != 0
    adds_up(found)
    assert found["prompt"][0] == "<|endoftext|>"
    assert "".join(found["prompt"][1:]) == "the cat"
    assert found["token"] == found["came"] == found["alternatives"][0]["token"]
    assert [each["position"] for each in found["contributions"]] == list(range(found["position"]))
    made = runner.invoke(
        app, ["generate", str(text_model), "--prompt", "the cat", "--tokens", "3", "--temperature", "0", "--json"]
    )
    walked = json.loads(run(text_model, "--prompt", "the cat", "--tokens", 3, "--json").stdout)
    assert walked["continuation"] == json.loads(made.stdout)["text"]
    assert len(walked["steps"]) == 3
    for step in walked["steps"]:
        adds_up(step)


def test_another_token_and_a_contrast(text_model):
    plain = json.loads(run(text_model, "--prompt", "the", "--token", "cat", "--json").stdout)
    other = json.loads(run(text_model, "--prompt", "the", "--token", " sat", "--json").stdout)
    both = json.loads(run(text_model, "--prompt", "the", "--token", "cat", "--against", " sat", "--json").stdout)
    assert (both["token"], both["against"]) == ("cat", " sat")
    assert both["logit"] == pytest.approx(plain["logit"] - other["logit"])
    for first, second, contrast in zip(*(each["contributions"] for each in (plain, other, both)), strict=True):
        assert contrast["value"] == pytest.approx(first["value"] - second["value"])
    adds_up(json.loads(run(text_model, "--prompt", "the", "--against", "mean", "--json").stdout))
    assert "against the mean of all tokens" in run(text_model, "--prompt", "the", "--against", "mean").stdout


def test_the_terminal(text_model, product):
    shown = run(text_model, "--prompt", "-", "--tokens", 2, "--whole", input="the cat sat\n").stdout
    assert shown.count("adds up: ") >= 4
    assert "bias" in shown
    shown = run(product, "--prompt", "12 x 34", "--rows", 1).stdout
    assert "step: p0_0 = join a0 b0, from a0 = 2 at 1, b0 = 4 at 4" in shown
    assert "1 smaller" in shown


def test_a_program_names_the_step_of_every_token(product):
    found = json.loads(run(product, "--prompt", "12 x 34", "--tokens", 99, "--json").stdout)
    assert found["answer"] == "408"
    assert len(found["steps"]) == 13
    for step in found["steps"]:
        adds_up(step)
        assert step["residual"] == 0  # whole numbers
        read = {source["position"] for source in step["step"]["from"]}
        assert read == {each["position"] for each in step["contributions"]}
        assert step["step"]["token"] == step["came"]


def test_spectrum(text_model, tmp_path):
    shown = run(text_model, "--spectrum", tmp_path / "map.svg")
    assert "effective rank" in shown.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"map.svg", "map.csv"}
    found = json.loads(run(text_model, "--spectrum", tmp_path / "map.json", "--json").stdout)
    assert len(found["lags"]) == 8


def test_bad_input(text_model, product, tmp_path):
    with pytest.raises(ArlearnError, match="--prompt"):
        run(text_model)
    with pytest.raises(ArlearnError, match="answers questions"):
        run(product)
    with pytest.raises(ArlearnError, match="tokens"):
        run(text_model, "--prompt", "the", "--token", "cat sat on")
    with pytest.raises(ArlearnError, match="the vocabulary has"):
        run(text_model, "--prompt", "the", "--token", "#99999")
    with pytest.raises(ArlearnError, match="not a token of this task"):
        run(product, "--prompt", "12 x 34", "--token", "cat")
    with pytest.raises(ArlearnError, match="against itself"):
        run(text_model, "--prompt", "the", "--token", "cat", "--against", "cat")
    with pytest.raises(ArlearnError, match="no model in"):
        run(tmp_path, "--prompt", "the")
    with pytest.raises(ArlearnError, match="written as"):
        run(text_model, "--spectrum", tmp_path / "map.docx")
    card = json.loads((text_model / "card.json").read_text())
    save_predictor(MLPPredictor.build(300, 8, 8), tmp_path, {key: card[key] for key in ("task", "tokenizer")})
    (tmp_path / "tokenizer.json").write_bytes((text_model / "tokenizer.json").read_bytes())
    with pytest.raises(ArlearnError, match="no exact attribution: a ReLU"):
        run(tmp_path, "--prompt", "the")


def test_of_a_page_only_the_path_is_printed(tmp_path):
    runner, model, page = CliRunner(), str(tmp_path / "m"), tmp_path / "deep" / "a.html"
    assert runner.invoke(app, ["compile", "multiplication", "--digits", "2", "--out", model]).exit_code == 0
    done = runner.invoke(app, ["explain", model, "--prompt", "12 x 34", "--tokens", "99", "--html", str(page)])
    assert done.stdout == f"{page}\n"
    assert page.is_file()


def test_of_a_compiled_model_the_margin_is_told_instead_of_probabilities(tmp_path):
    runner, model = CliRunner(), str(tmp_path / "m")
    assert runner.invoke(app, ["compile", "multiplication", "--digits", "2", "--out", model]).exit_code == 0
    shown = runner.invoke(app, ["explain", model, "--prompt", "12 x 34"]).stdout
    assert "argmax decides, margin 1" in shown
    assert "probability" not in shown
    assert "%" not in shown
    found = json.loads(runner.invoke(app, ["explain", model, "--prompt", "12 x 34", "--json"]).stdout)
    assert found["margin"] == found["alternatives"][0]["logit"] - found["alternatives"][1]["logit"] == 1
