"""The benches run at a tiny size and report what they promise; no timing is judged."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.cli.bench import _checkout
from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor

DensePredictor = _checkout("dense").DensePredictor


def test_the_baseline_is_the_same_function():
    ours = LinearPredictor.build(50, 9, 4, seed=2)
    dense = DensePredictor(50, 9, 4)
    dense.load(ours)
    tokens = torch.randint(50, (3, 10))
    torch.testing.assert_close(dense(tokens[:, :-1]), ours(tokens[:, :-1]))
    torch.testing.assert_close(dense.loss(tokens), ours.loss(tokens))


def test_losses_of_twenty_steps_agree():
    assert (
        _checkout("step").loss_difference(
            _checkout("machine").Size(context=9, width=16, vocabulary=400, batch=4), steps=20
        )
        < 1e-4
    )


def test_step_on_real_text(tmp_path):
    (tmp_path / "t.txt").write_text("Once upon a time there was a cat. It sat on a mat.\n" * 400)
    command = ["bench", "step", "--quick", "--json", "--seconds", "600", "--threads", "1", "--data"]
    done = subprocess.run(
        [sys.executable, "-m", "arlearn.cli", *command, str(tmp_path / "t.txt")],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for key in ("speedup", "speedup_equal_optimiser", "memory_ratio", "gemm_share", "bound_speedup"):
        assert found[key] > 0
    assert found["loss_difference"] < 1e-4
    rows = found["real_text"]
    assert rows["compact"]["vocabulary"] < 2_000
    assert min(rows["exact"]["speedup"], rows["compact"]["speedup"]) > 0


def test_generate():
    result = CliRunner().invoke(app, ["bench", "generate", "--quick", "--json", "--seconds", "1"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["same_tokens"]
    assert found["logits_difference"] < 1e-4
    assert min(found["speedup"], found["tokens_per_second"], found["speedup_masked_once"]) > 0
    assert found["bytes_ratio"] == found["baseline_bytes_per_token"] / found["bytes_read_per_token"]
    assert found["bound_tokens_per_second"] * found["bytes_read_per_token"] == pytest.approx(found["read_rate"])


def test_maps():
    result = CliRunner().invoke(app, ["bench", "maps", "--quick", "--json", "--seconds", "1"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["parameters"]["packed"] - found["parameters"]["shift"] == (8 * 9 // 2 - 8) * 32**2
    assert found["speedup"] == found["step_seconds"]["packed"] / found["step_seconds"]["shift"] > 0


def test_a_baseline_that_does_not_fit_is_refused_before_it_starts():
    result = CliRunner().invoke(app, ["bench", "step", "--context", "4096", "--width", "4096"])
    assert "GB" in str(result.exception)
    assert "--batch" in str(result.exception)


def test_a_quick_run_prints_no_ratio():
    for command in ("generate", "maps"):
        shown = CliRunner().invoke(app, ["bench", command, "--quick", "--seconds", "1"], catch_exceptions=False).stdout
        assert "too small to compare speeds" in shown
        assert not re.search(r"\dx|times as", shown)


def test_without_a_checkout_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("arlearn.__file__", str(tmp_path / "site-packages" / "arlearn" / "__init__.py"))
    for command in ("step", "generate", "maps"):
        result = CliRunner().invoke(app, ["bench", command, "--quick"])
        assert isinstance(result.exception, ArlearnError)
        assert "clone the repository" in str(result.exception)


def test_compiled_programs_are_timed_and_compared_with_forward():
    result = CliRunner().invoke(app, ["bench", "program", "--quick", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["tokens_per_second"] > 0
    assert found["same_tokens"] is True
    assert set(found["programs"]) == {"busy_beaver", "multiplication_4", "universal_busy_beaver"}
    assert found["programs"]["universal_busy_beaver"]["tokens"] == 107 * 33 + 1
    assert found["batched_products_per_second"] > 0
    table = CliRunner().invoke(app, ["bench", "program", "--quick"], catch_exceptions=False)
    assert "the tokens are those of forward" in table.stdout
