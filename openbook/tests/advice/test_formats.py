"""Advice for other programs: annotations with file and line, JUnit, Markdown, and the GitHub Action's own script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from openbook.advice.advising import Place
from openbook.advice.formats import required, source_line
from openbook.cli import app
from openbook.errors import OpenbookError

ROOT = Path(__file__).resolve().parents[3]
MAIN = r"""\documentclass{article}
\title{Sorting Pebbles by Colour}
\author{Ada Example}
\begin{document}
\maketitle
\section{Introduction}
Pebbles are sorted by hand in many places of the world. % a remark
We study how a machine may do it as well, and we ask what it takes to learn the task from a few examples only.
The task is old and important, and nobody has solved it so far to the full content of everyone who sorts.
\input{experiments}
\section{Conclusion}
Pebbles can be sorted by a machine. We hope that this is of use to many people who sort pebbles every day.
\end{document}
"""
EXPERIMENTS = r"""\section{Experiments}
We compare three sorters on the pebbles of one beach, and we count their errors on pebbles that they have not seen.

Each experiment was run on a \emph{standard} desktop computer
and took a few minutes. Our sorter makes fewer errors than the others.
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "paper.tex").write_text(MAIN)
    (tmp_path / "experiments.tex").write_text(EXPERIMENTS)
    return tmp_path / "paper.tex"


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["advise", *map(str, arguments)])
    return done.exit_code, done.output


def test_github_gets_file_and_line(source: Path) -> None:
    code, output = run(source, "--format", "github", "--require", "hardware")
    assert code == 4
    lines = output.splitlines()
    hardware = next(line for line in lines if "Hardware" in line)
    assert hardware.startswith(
        f"::error file={source.parent / 'experiments.tex'},line=4,title=Hardware specification is missing::"
    )
    assert sum(line.startswith("::warning ") for line in lines) == len(lines) - 1
    assert run(source, "--format", "github")[0] == 0


def test_junit_is_valid_and_counts(source: Path) -> None:
    _, output = run(source, "--format", "junit")
    suite = ElementTree.fromstring(output)
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert (len(suite), str(len(failed))) == (7, suite.get("failures"))
    assert "Hardware specification" in failed


def test_markdown_has_the_seven_and_their_places(source: Path) -> None:
    _, output = run(source, "--format", "markdown")
    assert output.count("\n| ") >= 7
    assert "experiments.tex:4" in output


def test_what_is_required_must_exist() -> None:
    assert required("code, setup") == ["open_source_code", "experiment_setup"]
    for names in ("cod", "", ","):
        with pytest.raises(OpenbookError, match="names are pseudocode, code"):
            required(names)


def test_a_sentence_that_is_not_in_the_source_has_no_line(source: Path) -> None:
    assert (
        source_line(source, Place("x", None, "Nothing of the kind stands in any of these files at all.", 0, 1)) is None
    )
    assert source_line(source.with_suffix(".pdf"), Place("x", None, "Pebbles are sorted by hand.", 0, 1)) is None
    assert source_line(source, Place("x", None, "We study how a machine may do it as well", 0, 1)) == (source, 8)


@pytest.mark.skipif(sys.platform == "win32", reason="bash")
def test_the_actions_own_script(source: Path, tmp_path: Path) -> None:
    command = tmp_path / "bin" / "openbook"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m openbook.cli "$@"\n')
    command.chmod(0o755)
    summary = tmp_path / "summary.md"
    given = os.environ | {"PATH": f"{command.parent}:{os.environ['PATH']}", "PAPER": str(source)}
    given |= {"GITHUB_STEP_SUMMARY": str(summary), "REQUIRE": "hardware"}
    done = subprocess.run(["bash", str(ROOT / "tools" / "action.sh")], env=given, capture_output=True, text=True)
    assert done.returncode == 4, done.stderr
    assert "::error" in done.stdout
    assert "of 7 are stated" in summary.read_text()
    del given["PAPER"]
    done = subprocess.run(["bash", str(ROOT / "tools" / "action.sh")], env=given, capture_output=True, text=True)
    assert done.returncode != 0
    assert "PAPER is not set" in done.stderr
