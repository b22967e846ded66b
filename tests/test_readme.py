"""The commands that the README shows exist and take the options that are shown; those that take a second are run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).resolve().parents[1]
QUICK = ("openbook study list",)


def commands() -> list[str]:
    """Every indented line of the README that calls one of the two packages, without remarks."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    found = [re.sub(r"\s+#.*", "", line).strip() for line in lines if line.startswith("    .venv/bin/")]
    return [line.removeprefix(".venv/bin/") for line in found]


def test_the_readme_shows_both_packages() -> None:
    assert {command.split()[0] for command in commands()} == {"arlearn", "openbook"}
    assert set(QUICK) <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_is_one(command: str) -> None:
    package, *words = shlex.split(command)
    found: Any = typer.main.get_command(import_module(f"{package}.cli").app)
    while hasattr(found, "commands"):
        inner = found.get_command(found.make_context(package, [], resilient_parsing=True), words[0])
        assert inner is not None, f"{command}: there is no {words[0]}"
        found, words = inner, words[1:]
    found.make_context(command, words)


@pytest.mark.parametrize("command", QUICK)
def test_a_quick_command_runs(command: str) -> None:
    package, *words = shlex.split(command)
    done = subprocess.run([sys.executable, "-m", f"{package}.cli", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "malach2024" in done.stdout


def test_every_link_of_the_readme_leads_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / link).exists(), link
