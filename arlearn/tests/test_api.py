"""The front door: load, generate, compile and train."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import arlearn
from arlearn.predictors.base import Predictor
from arlearn.predictors.linear import LinearPredictor
from arlearn.programs.arithmetic import multiplication


def test_import_is_light() -> None:
    code = "import sys, arlearn; print([name for name in ('torch', 'numpy', 'tokenizers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert {"load", "generate", "compile", "train"} <= set(arlearn.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        arlearn.lode


def test_train_load_generate(tiny_recipe: Path, story_file: Path, tmp_path: Path) -> None:
    model = arlearn.train(tiny_recipe, tmp_path / "run", data=story_file, changes=["steps=5"])
    assert isinstance(model, Predictor)
    said = arlearn.generate(model, "One day", 12)
    assert said == arlearn.generate(arlearn.load(tmp_path / "run"), "One day", 12)
    assert said == arlearn.generate(tmp_path / "run", "One day", 12)
    assert said != arlearn.generate(model, "One day", 12, seed=1)
    with pytest.raises(arlearn.ArlearnError, match="give the text to continue"):
        arlearn.generate(model)
    with pytest.raises(arlearn.ArlearnError, match="already holds a run"):
        arlearn.train(tiny_recipe, tmp_path / "run", data=story_file)


def test_compile_answers_questions_saved_or_not(tmp_path: Path) -> None:
    model = arlearn.compile(multiplication(2), tmp_path / "m")
    assert arlearn.generate(model, "12 x 34") == arlearn.generate(tmp_path / "m", "12 x 34") == "408"
    assert arlearn.generate(arlearn.compile(multiplication(2)), "99 x 99") == "9801"
    with pytest.raises(arlearn.ArlearnError, match="not ended after 3 tokens"):
        arlearn.generate(model, "12 x 34", 3)
    with pytest.raises(arlearn.ArlearnError, match=r"cannot read .* as a program"):
        arlearn.compile(tmp_path / "absent.toml")


def test_a_predictor_without_words_is_named() -> None:
    with pytest.raises(arlearn.ArlearnError, match="has no vocabulary"):
        arlearn.generate(LinearPredictor.build(5, 3, 2), "a")
