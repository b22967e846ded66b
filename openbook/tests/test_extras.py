"""Whoever lacks an extra is told its name in one line, before anything is written, whichever of its libraries is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

STUDY = """
name = "toy"
title = "A toy, rebuilt"
[paper]
title = "A Toy"
[[claims]]
id = "right"
sentence = "It is 2."
where = "section 1"
metric = "a number"
published = 2.0
tolerance = 0.1
command = ["sh", "-c", "echo '{\\"a\\": 2}'"]
read = "a"
"""
ASK = ("assess", "paper.md", "--assessor", "llm", "--model")
LLM = ("any_llm", "aiohttp", "openai", "genai_prices", "aiolimiter", "tenacity")
ON_LOOPBACK = ("x", "--base-url", "http://127.0.0.1:9/v1")

MISSING = [
    *(
        (("serve", "--port", "0"), name, "server")
        for name in ("fastapi", "uvicorn", "sse_starlette", "python_multipart", "itsdangerous", "throttled")
    ),
    *(((*ASK, "openai/gpt-4o"), name, "llm") for name in LLM),
    *(((*ASK, *ON_LOOPBACK), name, "llm") for name in LLM),
    ((*ASK, "openai/gpt-4o", "--dry-run"), "genai_prices", "llm"),
    ((*ASK, *ON_LOOPBACK, "--ledger", "sqlite:///new.db", "--batch"), "openai", "llm"),
    (("bench", "llm"), "aiohttp", "llm"),
    (("serve", "--port", "0", "--ledger", "sqlite:///new.db", "--model", "openai/gpt-4o"), "genai_prices", "llm"),
    (("assess", "paper.md", "--engine", "ray", "--ledger", "sqlite:///new.db"), "ray", "ray"),
    (("assess", "paper.md", "--ledger", "postgresql://127.0.0.1:9/x"), "psycopg", "postgres"),
    (("site", "--records", "records", "--out", "site"), "pagefind", "search"),
    (("mcp",), "mcp", "mcp"),
    (("study", "report", "toy", "--studies", "studies"), "typst", "report"),
]


def openbook(folder: Path, *arguments: str, without: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, for which a library is as if it were not installed."""
    block = f"sys.modules[{without!r}] = None; " if without else ""
    code = f"import sys; {block}from openbook.cli import main; sys.argv[0] = 'openbook'; main()"
    environment = {**os.environ, "OPENAI_API_KEY": "none", "COLUMNS": "300"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paper, its record, and a study that was run."""
    made = tmp_path_factory.mktemp("extras")
    (made / "paper.md").write_text("# On Shelves\n\n" + "We study how whispers travel along shelves in winter. " * 12)
    (made / "studies" / "toy").mkdir(parents=True)
    (made / "studies" / "toy" / "study.toml").write_text(STUDY)
    for command in (("assess", "paper.md", "--out", "records"), ("study", "run", "toy", "--studies", "studies")):
        done = openbook(made, *command)
        assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize(
    ("arguments", "library", "extra"), MISSING, ids=lambda one: one if isinstance(one, str) else one[0]
)
def test_the_extra_is_named(folder: Path, arguments: tuple[str, ...], library: str, extra: str) -> None:
    before = {path for path in folder.rglob("*") if "__pycache__" not in path.parts}
    done = openbook(folder, *arguments, without=library)
    assert done.returncode == 1, done.stderr
    assert f"pip install 'openbook[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0, done.stderr
    assert {path for path in folder.rglob("*") if "__pycache__" not in path.parts} == before


def test_every_extra_that_is_named_exists() -> None:
    file = Path(__file__).parents[1] / "pyproject.toml"
    extras = set(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["optional-dependencies"])
    assert {extra for _, _, extra in MISSING} <= extras
