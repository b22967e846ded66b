"""train, evaluate and demo from the outside."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.saving import save_predictor

ARLEARN = [sys.executable, "-m", "arlearn.cli"]


def call(*arguments: str | Path, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*ARLEARN, *map(str, arguments)], capture_output=True, text=True, check=True, **more)


@pytest.fixture
def model(tiny_recipe: Path, story_file: Path, tmp_path: Path) -> Path:
    out = tmp_path / "run"
    summary = json.loads(call("train", tiny_recipe, "--data", story_file, "--out", out, "--json").stdout)
    assert summary["steps"] == 40
    return out


def test_train_then_evaluate(model: Path, story_file: Path) -> None:
    done = call("evaluate", model, "--data", story_file, "--json", "--score-padding")
    result = json.loads(done.stdout)
    assert result["bits_per_byte"] * result["bytes"] == pytest.approx(result["tokens"] * _bits(result["perplexity"]))
    assert result["bytes"] == len(story_file.read_text().replace("\n<|endoftext|>\n", "").encode())
    assert result["data_sha256"] == hashlib.sha256(story_file.read_bytes()).hexdigest()
    assert result["stories"] == 300
    assert 0 < result["sliding_bits_per_byte"] < result["bits_per_byte"] + 0.1
    assert result["padded_tokens"] > result["tokens"]
    shown = call("evaluate", model, "--data", story_file, "--no-slide").stdout
    assert f"{result['bits_per_byte']:.4f} bits per byte" in shown


INAPPLICABLE = {
    ("parity", "--stride 3 --no-compare --pairs FILE --count 5 --limit 2"): (
        "--stride, --no-compare (because MODEL answers parity questions); "
        "--count (because --pairs names the questions); --limit (because there is no --harness)"
    ),
    ("text", "--hard --seed 1 --no-slide --stride 2"): (
        "--hard, --seed (because MODEL is a model of text); --stride (because --no-slide leaves the sliding window out)"
    ),
    ("text", "--harness x --score-padding"): "--score-padding (because --harness asks its own questions)",
}


@pytest.mark.parametrize(("kind", "options"), INAPPLICABLE)
def test_options_that_do_not_apply_are_refused_together(kind: str, options: str, tmp_path: Path) -> None:
    save_predictor(LinearPredictor.build(9, 4, 3), tmp_path, {"task": {"kind": kind}})
    error = CliRunner().invoke(app, ["evaluate", str(tmp_path), *options.split()]).exception
    assert str(error) == "options that do not apply: " + INAPPLICABLE[kind, options].replace("MODEL", str(tmp_path))


def _bits(perplexity: float) -> float:
    import math

    return math.log2(perplexity)


def test_help_is_quick_to_load_nothing_heavy() -> None:
    code = (
        "import sys, arlearn.cli; "
        "print([name for name in ('torch', 'accelerate', 'tokenizers', 'matplotlib', 'pydantic') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.slow
def test_demo_without_network_or_data(tmp_path: Path) -> None:
    import os

    environment = os.environ | {"OPENBOOK_DATA": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    out = tmp_path / "demo"
    shown = call("demo", "--out", out, "--minutes", "0.3", "--words", "20", env=environment, timeout=280).stdout
    assert "pydoc_data.topics" in shown
    assert "bits per byte" in shown
    assert (out / "model.safetensors").is_file()
