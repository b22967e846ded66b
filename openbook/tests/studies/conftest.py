"""A study whose commands are shell scripts and small Python programs."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from openbook.cli import main

HEAD = """
name = "toy"
title = "A toy, rebuilt"
inputs = ["code"]
packages = ["pydantic"]

[paper]
title = "A Toy"
index_id = "a_toy__0"
"""
SHARED = """
[[claims]]
id = "right"
sentence = "It is 2."
where = "section 1"
metric = "a number"
published = 2.0
tolerance = 0.1
command = ["sh", "{study}/measure.sh"]
read = "a.value"
interval = "a.interval"
quick = true

[[claims]]
id = "nearly"
sentence = "It is 3."
where = "section 1"
metric = "a number"
published = 3.0
tolerance = 0.1
partly = 1.5
command = ["sh", "{study}/measure.sh"]
read = "a.value"
quick = true

[[claims]]
id = "wrong"
sentence = "It is at least 9."
where = "section 1"
metric = "a number"
published = 9.0
direction = "at_least"
command = ["sh", "{study}/measure.sh"]
read = "a.value"

[[claims]]
id = "large"
sentence = "On a GPU it is 2."
where = "section 2"
metric = "a number"
published = 2.0
tolerance = 0.5
needs = ["gpu"]
command = ["sh", "-c", "exit 9"]
read = "b"
[claims.smaller]
command = ["sh", "{study}/measure.sh", "small"]
scale = "a tenth of it"
needs = []
read = "a.value"
[claims.quick]
command = ["sh", "{study}/measure.sh", "tiny"]
scale = "a hundredth of it"
needs = []
read = "a.value"
"""
MEASURE = """
echo run >> "$(dirname "$0")/../../calls"
echo measuring >&2
case "$1" in tiny) value=7;; *) value=2.05;; esac
echo "{\\"a\\": {\\"value\\": $value, \\"interval\\": [1.9, 2.2]}, \\"seed\\": 5}"
"""

Make = Callable[..., Path]


@pytest.fixture
def shared() -> str:
    """The claims that ``make`` writes unless others are given."""
    return SHARED


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a study ``toy`` with the given claims and returns the folder of studies."""

    def made(claims: str = SHARED, head: str = HEAD) -> Path:
        folder = tmp_path / "studies" / "toy"
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / "code").mkdir(exist_ok=True)
        (tmp_path / "code" / "one.txt").write_text("1")
        (folder / "measure.sh").write_text(MEASURE)
        (folder / "study.toml").write_text(textwrap.dedent(head + claims))
        return folder.parent

    return made


class Done(NamedTuple):
    """What a call of the command line left."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The object it printed."""
        found: dict[str, Any] = json.loads(self.stdout)
        return found


Call = Callable[..., Done]


@pytest.fixture
def openbook(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls the command line in this process: on a busy machine that spares seconds for each call."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["openbook", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        return Done(code, *capsys.readouterr())

    return call
