"""Whoever lacks an extra is told its name in one line, before anything is written."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TRAIN = ("train", "multiplication-linear-2", "--set", "steps=2", "--out", "new")
MISSING = [
    (("export", "model", "--hf", "new"), "transformers", "hub"),
    (("evaluate", "text", "--harness", "lambada_openai"), "lm_eval", "eval"),
    ((*TRAIN, "--track", "tensorboard"), "tensorboard", "track"),
    ((*TRAIN, "--track", "wandb"), "wandb", "wandb"),
    (("sweep", "multiplication-linear-2", "--over", "learning_rate=0.1,0.2", "--out", "new"), "optuna", "sweep"),
]


def arlearn(folder: Path, *arguments: str, without: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, for which a library is as if it were not installed."""
    block = f"sys.modules[{without!r}] = None; " if without else ""
    code = f"import sys; {block}from arlearn.cli import main; sys.argv[0] = 'arlearn'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a task, and one of a text."""
    made = tmp_path_factory.mktemp("extras")
    (made / "tiny.txt").write_text("Once there was a cat. The cat sat on the mat and was happy.\n" * 50)
    text = ("task.vocabulary=270", "task.context=8", "steps=2", "batch=4", "predictor.width=8")
    changes = [part for change in text for part in ("--set", change)]
    for command in (
        ("compile", "multiplication", "--digits", "2", "--out", "model"),
        ("train", "tinystories-cpu", "--data", "tiny.txt", "--tokenizer", "train", *changes, "--out", "text"),
    ):
        done = arlearn(made, *command)
        assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize(("arguments", "library", "extra"), MISSING, ids=[extra for _, _, extra in MISSING])
def test_the_extra_is_named(folder: Path, arguments: tuple[str, ...], library: str, extra: str) -> None:
    before = set(folder.rglob("*"))
    done = arlearn(folder, *arguments, without=library)
    assert done.returncode == 1, done.stderr
    assert f"pip install 'arlearn[{extra}]'" in done.stderr
    assert done.stderr.strip().count("\n") == 0, done.stderr
    assert set(folder.rglob("*")) == before


def test_every_extra_that_is_named_exists() -> None:
    file = Path(__file__).parents[1] / "pyproject.toml"
    extras = set(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["optional-dependencies"])
    assert {extra for _, _, extra in MISSING} <= extras
