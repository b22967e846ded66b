"""The page about a run, and what a figure is compared with."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import arlearn
from arlearn.cli import app
from arlearn.evaluation.comparison import compare
from arlearn.evaluation.perplexity import measure_text
from arlearn.predictors.saving import load_card, load_predictor


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, story_file: Path) -> Path:
    """A linear predictor, a transformer beside it, and held-out text."""
    place = tmp_path_factory.mktemp("runs")
    stories = story_file.read_text().split("\n<|endoftext|>\n")
    (place / "training.txt").write_text("\n<|endoftext|>\n".join(stories[:80]))
    (place / "held-out.txt").write_text("\n<|endoftext|>\n".join(stories[80:92]))
    small = ["context=12", "vocabulary=300", "width=8", "steps=4", "batch=8", "max_minutes=none"]
    for recipe, out in (("tinystories-cpu", "linear"), ("tinystories-transformer", "attention")):
        more = [*small, *(["heads=2", "layers=1"] if out == "attention" else [])]
        arlearn.train(recipe, place / "runs" / out, data=place / "training.txt", changes=more)
    return place


def test_the_page_says_what_it_must_and_loads_nothing(runs: Path) -> None:
    run = runs / "runs" / "linear"
    done = CliRunner().invoke(app, ["report", str(run), "--data", str(runs / "held-out.txt"), "--prompt", "One <day>"])
    assert done.stdout.splitlines()[-1] == str(run / "report.html")
    page = (run / "report.html").read_text()
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:|#)\w+:""", page)
    assert "<script" not in page
    assert "One &lt;day&gt;" in page
    assert "<day>" not in page
    for part in ("<svg", "this model", "bigram", "5-gram", "xz -9e", "transformer", "steps = 4", "torch", "sha256"):
        assert part in page
    assert page.count("<blockquote>") == 3
    assert str(runs) not in page
    assert "mean of" not in page  # of the four updates of this run
    assert "data = &#34;training.txt&#34;" in page
    predictor, card = load_predictor(run)
    measured = measure_text(run, predictor, card, runs / "held-out.txt", stride=None)
    assert f"{measured['bits_per_byte']:.4f}" in page


def test_evaluate_prints_what_the_figure_compares_to(runs: Path) -> None:
    arguments = ["evaluate", str(runs / "runs" / "linear"), "--data", str(runs / "held-out.txt"), "--no-slide"]
    shown = CliRunner().invoke(app, arguments).stdout
    assert all(name in shown for name in ("for comparison, on the same text", "bigram", "5-gram", "xz", "transformer"))
    assert "compared" not in json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json", "--compare"]).stdout)["compared"]
    assert [each["bits_per_byte"] for each in found] == sorted(each["bits_per_byte"] for each in found)
    assert "compare" not in CliRunner().invoke(app, [*arguments, "--no-compare"]).stdout


def test_an_ngram_is_what_the_recipe_of_it_gives(runs: Path, tmp_path: Path) -> None:
    run = runs / "runs" / "linear"
    found, missing = compare(run, load_card(run), runs / "held-out.txt")
    assert missing == []
    counted = arlearn.train(
        "tinystories-ngram",
        tmp_path / "n",
        data=runs / "training.txt",
        tokenizer=str(run / "tokenizer.json"),
        changes=["context=12", "order=2"],
    )
    measured = measure_text(tmp_path / "n", counted, load_card(tmp_path / "n"), runs / "held-out.txt", stride=None)
    by_name = {each.name: each.bits_per_byte for each in found}
    assert by_name["bigram"] == pytest.approx(measured["bits_per_byte"])
    (runs / "training.txt").rename(runs / "elsewhere.txt")
    _, missing = compare(run, load_card(run), runs / "held-out.txt")
    (runs / "elsewhere.txt").rename(runs / "training.txt")
    assert len(missing) == 1
    assert "there is no file" in missing[0]


def test_a_compiled_model_has_a_page_too(tmp_path: Path) -> None:
    runner = CliRunner()
    runner.invoke(app, ["compile", "multiplication", "--digits", "2", "--out", str(tmp_path / "m")])
    done = runner.invoke(app, ["report", str(tmp_path / "m"), "--prompt", "12 x 34", "--out", str(tmp_path / "r.html")])
    assert done.stdout.splitlines()[-1] == str(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "argmax decides, margin 1" in page
    assert "408" in page
    assert "100.00 %" in page


def test_a_run_beside_this_one_that_cannot_be_measured_is_named(runs: Path) -> None:
    run, beside = runs / "runs" / "linear", runs / "runs" / "damaged"
    shutil.copytree(run, beside)
    (beside / "model.safetensors").write_bytes(b"no weights")
    found, missing = compare(run, load_card(run), runs / "held-out.txt")
    shutil.rmtree(beside)
    assert "transformer" in {each.name for each in found}
    assert len(missing) == 1
    assert missing[0].startswith("run damaged: damaged/model.safetensors")
