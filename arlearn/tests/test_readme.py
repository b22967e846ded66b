"""The commands in the README exist, take the options that are shown, and name recipes that ship."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from arlearn.cli import app
from arlearn.training.recipe import load_recipe

README = Path(__file__).parents[1] / "README.md"


def commands() -> list[str]:
    """Every indented line of the README that begins with arlearn, and what follows && on it."""
    found = []
    for line in README.read_text(encoding="utf-8").splitlines():
        if re.match(r"\s{4,}arlearn ", line):
            found += [part.strip() for part in line.split(" #")[0].split("&&") if part.strip().startswith("arlearn ")]
    return found


def test_the_readme_shows_the_main_commands() -> None:
    shown = {command.split()[1] for command in commands()}
    assert {"train", "evaluate", "generate", "recipes", "demo"} <= shown


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_is_one(command: str) -> None:
    group = typer.main.get_command(app)
    words = shlex.split(command)[1:]
    known = group.commands  # type: ignore[attr-defined]
    if words[0] not in known:
        pytest.fail(f"arlearn has no command {words[0]}")
    context = known[words[0]].make_context(words[0], words[1:])
    while hasattr(context.command, "commands"):  # a group, such as bench
        rest = [*context._protected_args, *context.args]
        assert rest, f"{command} names no command of its group"
        assert rest[0] in context.command.commands
        context = context.command.commands[rest[0]].make_context(rest[0], rest[1:])
    if words[0] == "train":
        load_recipe(context.params["recipe"]).with_changes(context.params["changes"] or [])
