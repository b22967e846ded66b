"""Made-up papers are papers, and the benchmark measures what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from openbook.benchmarks.links import measure
from openbook.benchmarks.stages import make_pdf, make_text, write_papers
from openbook.papers.reading import read_bytes, read_text


def test_a_made_up_pdf_reads_as_its_text() -> None:
    text = make_text(3, pages=4)
    paper = read_bytes(make_pdf(text), source="made up", suffix=".pdf")
    assert paper.problem is None
    assert len(paper.pages) >= 3
    wanted = [word for word in text.split() if word.isalpha()]
    assert len(set(paper.text.split()) & set(wanted)) >= 0.95 * len(set(wanted))
    assert read_text(text).problem is None


def test_the_same_seed_makes_the_same_papers(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    first, second = (write_papers(tmp_path / name, 2, seed=5) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert first[0].read_bytes() != first[2].read_bytes()


def test_bench_counts_every_paper() -> None:
    command = [sys.executable, "-m", "openbook.cli", "bench", "--count", "2", "--no-assessor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=True)
    report = json.loads(done.stdout)
    assert report["papers"] == 4
    assert report["synthetic"]
    for stage, papers in (("read_pdf", 2), ("read_text", 2), ("sentences", 4), ("evidence", 4)):
        for processes in ("1", "2"):
            assert report["stages"][stage][processes]["papers"] == papers
            assert report["stages"][stage][processes]["papers_per_second"] > 0


def test_bench_of_links_asks_each_once_and_with_pauses() -> None:
    found = measure(links=20, polite=2)
    assert found.links == 20
    assert found.rate > 0
    assert found.gap >= found.pause == 1.0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--papers", "/nonexistent/folder"],
        ["evidence", "--records", "/nonexistent.parquet", "--papers", "/nonexistent/folder"],
    ],
)
def test_bad_input_is_one_line(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "openbook.cli", "bench", *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.startswith("openbook: ")
    assert done.stderr.count("\n") == 1
