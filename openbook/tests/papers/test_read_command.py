"""``openbook read`` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def openbook(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "openbook.cli", "read", *arguments], capture_output=True, text=True, encoding="utf-8"
    )


@pytest.fixture
def paper(tmp_path: Path, plain_pdf: bytes) -> Path:
    path = tmp_path / "small.pdf"
    path.write_bytes(plain_pdf)
    return path


def test_what_people_see(two_columns: Path) -> None:
    done = openbook(str(two_columns))
    assert done.returncode == 0
    for words in (
        "Asynchronous Denoising of Everything",
        "Ada Lovelace",
        "2.1 Setup",
        "[checklist]",
        "github.com/czg1225",
    ):
        assert words in done.stdout


def test_json_is_one_object(paper: Path) -> None:
    done = openbook(str(paper), "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    names = "text source format sha256 title authors pages sections sentences links venue year problem"
    assert set(found) == set(names.split())
    assert (found["title"], found["problem"], found["source"]) == ("A Small Paper", None, str(paper))
    sentence = found["sentences"][-1]
    assert found["text"][sentence["start"] : sentence["end"]].startswith("All of the experiments")
    assert found["pages"][0] == {"number": 1, "start": 0, "end": len(found["text"])}


def test_text_only(paper: Path) -> None:
    done = openbook(str(paper), "--text")
    assert done.stdout.startswith("A Small Paper\n\nWe study how")


def test_unreadable_papers(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pdf"
    empty.write_bytes(b"")
    done = openbook(str(empty), "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["problem"].startswith("empty")
    assert "could not be read: empty" in done.stderr


def test_wrong_usage(tmp_path: Path, paper: Path) -> None:
    missing = openbook(str(tmp_path / "nothing.pdf"))
    assert missing.returncode == 1
    assert missing.stderr.count("\n") == 1
    assert "there is no file" in missing.stderr
    assert openbook().returncode == 2
    assert openbook(str(paper), "--json", "--text").returncode == 2
